from collections.abc import Iterator

import dagster as dg
import pytest

from tests.sensors.outage_here import Here


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch)
