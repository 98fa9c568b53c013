from collections.abc import Iterator

import dagster as dg
import pytest

from tests.sensors.outage_here import Here
from tests.sensors.support import be_patient


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a registry and a notifier in memory answer; and no test gets the answer to another's
    question."""
    be_patient(monkeypatch)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch)
