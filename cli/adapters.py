"""The environment's adapters, for a command that needs some of them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from intermodal.platform.errors import SpecError


@contextmanager
def adapters(*names: str) -> Iterator[Any]:
    """The environment's adapters; what is not set in the environment is named."""
    import dagster as dg

    from intermodal.resources.environment import resources

    try:
        with dg.build_resources({name: resources()[name] for name in names}) as built:
            yield built
    except dg.DagsterInvalidConfigError as error:
        missing = sorted(set(re.findall(r"environment variable \"(\w+)\"", str(error))))
        raise SpecError(
            f"Not set in the environment: {', '.join(missing) or error}.",
            hint="resources/environment.py says what each is for.",
        ) from error
