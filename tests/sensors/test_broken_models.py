"""The owner of a model that does not load is notified once for each time that it breaks."""

from types import SimpleNamespace

import dagster as dg
import pytest

from intermodal.assets.broken import BrokenModel
from intermodal.sensors import broken_models
from intermodal.sensors.broken_models import broken_model_notices
from tests.memory import MemoryNotifications, MemoryNotifier
from tests.sensors.support import Ticks, routes, spec

GONE = BrokenModel("gone", "team:red", "models/gone/data.py:1: ModuleNotFoundError: No module named 'x'")


class Location:
    """A code location that is loaded anew before each tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.notifier, self.cursor = instance, MemoryNotifier(), None
        self.resources = {"notifications": MemoryNotifications(self.notifier)}

    def tick(self, *broken: BrokenModel) -> str:
        assets = [*routes([spec("m")]), *(model.asset() for model in broken)]
        ticks = Ticks(broken_model_notices, self.resources, self.instance, assets=assets)
        ticks.cursor = self.cursor
        message, self.cursor = ticks(), ticks.cursor
        return message


def test_broken_model_notices_same_error_notifies_its_owner_once() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        location = Location(instance)
        messages = [location.tick(GONE) for _ in range(3)]
    (notice,) = location.notifier.sent
    assert (notice.title, notice.owner, GONE.reason in notice.text) == (
        "The model gone does not load",
        GONE.owner,
        True,
    )
    assert messages == ["gone does not load"] * 3


def test_broken_model_notices_broken_again_notifies_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(broken_models, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        location = Location(instance)
        for broken in ([GONE], [], [GONE]):
            message, clock.now = location.tick(*broken), clock.now + 60
    assert len(location.notifier.sent) == 2
    assert message == "gone does not load"


def test_broken_model_notices_none_broken_notifies_nobody() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        location = Location(instance)
        assert location.tick() == "Every model loads."
    assert location.notifier.sent == []
