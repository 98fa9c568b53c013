"""One real Prometheus for all tests of what is deployed."""

from collections.abc import Iterator

import pytest

from intermodal.sandbox.local import monitoring
from tests.deploy import live


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live.Live]:
    absent = [name for name in monitoring.PROGRAMS if not monitoring.program(name)]
    if absent:
        pytest.fail(f"{', '.join(absent)} not installed: run 'make setup', or install Debian's packages of these names")
    with live.running(tmp_path_factory.mktemp("prometheus")) as running:
        yield running
