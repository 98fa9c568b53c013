"""The sandbox's AWS for the adapters."""

from collections.abc import Iterator, Mapping

import pytest

from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401


@pytest.fixture(scope="class")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("aws", patch)
