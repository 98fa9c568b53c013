from collections.abc import Iterator

import dagster as dg
import pytest

from intermodal.sensors import registry, telling
from intermodal.sensors.pending import Pending
from tests.sensors.outage_here import Here


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a registry and a notifier in memory answer; and no test gets the answer to another's
    question."""
    monkeypatch.setattr(registry, "_asked", Pending())
    monkeypatch.setattr(registry, "SECONDS", 30.0)
    monkeypatch.setattr(telling, "_of", {})
    monkeypatch.setattr(telling, "SECONDS", 30.0)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch)
