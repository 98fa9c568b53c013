"""The format of a model file: the first that holds the fitted estimator whole, and data before code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from intermodal.platform import catalogue
from intermodal.platform.catalogue import RuntimeAdapter
from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.protocol.signature import Column


def format_of(estimator: Any) -> tuple[str, type[RuntimeAdapter]]:
    """Formats that are data are tried in order of their names, then formats that are code: nothing that is data has to
    be trusted before it is read. SpecError if none takes the estimator."""
    installed = [(name, catalogue.runtime_adapter(name)) for name in catalogue.names("runtimes")]
    for name, adapter in sorted(installed, key=lambda known: (known[1].holds_code, known[0])):
        if adapter.takes(estimator):
            return name, adapter
    raise SpecError(
        f"No format takes a {type(estimator).__name__}.", hint=f"Installed: {', '.join(catalogue.names('runtimes'))}."
    )


def estimator_of(returned: Any, inputs: pd.DataFrame) -> Any:
    """What the fit function returned, as an estimator that predicts from a DataFrame: a format knows how to run the
    objects of its library that have no ``predict``, such as an ONNX graph."""
    for name in catalogue.names("runtimes"):
        made = catalogue.runtime_adapter(name).estimator(returned, inputs)
        if made is not None:
            return made
    return returned


def packages() -> set[str]:
    """The Python packages of every installed format."""
    return {package for name in catalogue.names("runtimes") for package in catalogue.runtime_adapter(name).packages}


def write(
    adapter: type[RuntimeAdapter],
    estimator: Any,
    path: Path,
    columns: Sequence[Column],
    sensitive: Sequence[str],
    source: str,
) -> None:
    """Write the model file. SpecError if the estimator holds something that ends with this process; ``source`` is the
    function that returned it."""
    try:
        adapter.write(estimator, path, columns, sensitive)
    except IntermodalError:
        raise
    except Exception as error:  # what is written decides what is raised
        raise SpecError(
            f"The {type(estimator).__name__} that {source} returned cannot be written to a file: {error}.",
            hint="It holds something of this process, such as a connection or a lock: open that in predict instead.",
        ) from error
