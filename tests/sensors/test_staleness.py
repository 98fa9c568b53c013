"""Old champions and late data: notified once, and pushed."""

import time
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring.staleness import DAY_SECONDS
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.staleness import staleness
from intermodal.sensors.toolkit import notifications
from tests.memory import MemoryGauges, MemoryNotifications, MemoryNotifier, MemoryTables
from tests.sensors.people import Slow, until
from tests.sensors.support import Ticks, routes, spec

NOVEMBER = 1_795_000_000.0  # 2026-11-18

module = import_module("intermodal.sensors.staleness")  # the package has the sensor under the same name


class Registry:
    def __init__(self) -> None:
        self.known: dict[str, tuple[str, float]] = {}
        self.calls: list[str] = []
        self.down = False

    def champions(self) -> dict[str, Identity]:
        if self.down:
            raise Unavailable("MLflow does not answer.")
        return {name: Identity(version) for name, (version, _) in self.known.items()}

    def champion(self, model: str) -> Any:
        self.calls.append(model)
        version, made = self.known[model]
        return SimpleNamespace(version=version, registered_at=made)


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any) -> None:
        self.clock, self.registry, self.tables = clock, Registry(), MemoryTables()
        self.gauges, self.notifier = MemoryGauges(), MemoryNotifier()
        ended = {"function": "data.rows", "partitions": {"monthly": {"start": "2024-01", "end": "2024-06"}}}
        models = [spec("grows", stale_after_days=60), spec("stopped", data=ended), spec("unlimited")]
        self.registry.known = dict.fromkeys(("grows", "stopped", "unlimited"), ("1.0.0", NOVEMBER))
        self.month("grows", "2026-10-01")
        self.month("stopped", "2024-06-01")
        resources = {
            "registry": self.registry,
            "tables": self.tables,
            "gauges": self.gauges,
            "notifications": MemoryNotifications(self.notifier),
        }
        self.tick = Ticks(staleness, resources, instance, assets=routes(models))

    def month(self, model: str, month: str) -> None:
        self.tables.frames[model, "features", month] = None  # type: ignore[assignment]

    @property
    def notified(self) -> list[str]:
        return [notice.title for notice in self.notifier.sent]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    clock = SimpleNamespace(now=NOVEMBER)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, clock)


def test_recent_champions_and_data_are_not_notified(world: World) -> None:
    assert world.tick() == "Nothing is older than it should be."
    assert not world.notified


def test_gauges_say_up_to_when_there_is_data(world: World) -> None:
    world.tick()
    until = {(name, labels["model"]): value for name, labels, value in world.gauges.pushed["staleness"]}
    assert time.gmtime(until["intermodal_data_timestamp_seconds", "grows"])[:3] == (2026, 11, 1)
    assert time.gmtime(until["intermodal_data_timestamp_seconds", "stopped"])[:3] == (2024, 7, 1)
    assert {model for name, model in until if name == "intermodal_stale_after_seconds"} == {"grows", "unlimited"}
    assert ("intermodal_data_timestamp_seconds", "unlimited") not in until


def test_old_champion_is_notified_once_and_its_age_read_once(world: World) -> None:
    world.tick()
    world.clock.now += 13 * DAY_SECONDS
    world.month("grows", "2026-11-01")
    world.tick()
    world.clock.now += 48 * DAY_SECONDS
    world.month("grows", "2026-12-01")
    for _ in range(3):
        assert "grows: 1.0.0 is 61 days old, the spec allows 60" in world.tick()
    assert world.notified == ["grows: the model is stale"]
    assert world.registry.calls == ["grows"]
    world.registry.known["grows"] = ("1.1.0", world.clock.now)
    assert world.tick() == "Nothing is older than it should be."
    assert world.registry.calls == ["grows", "grows"]


def test_late_data_is_notified_once(world: World) -> None:
    world.clock.now += 20 * DAY_SECONDS  # December 8
    for _ in range(3):
        assert "grows: rows of 2026-11 were due, the newest are of 2026-10" in world.tick()
    assert world.notified == ["grows: the data is stale"]
    world.month("grows", "2026-11-01")
    assert world.tick() == "Nothing is older than it should be."


@pytest.fixture
def keyed(world: World) -> Ticks:
    """A model whose keys a and 9 were added, in this order, and have rows."""
    world.tick.instance.add_dynamic_partitions("keyed", ["a", "9"])
    world.month("keyed", "9")
    world.month("keyed", "a")
    model = spec("keyed", data={"function": "data.rows", "partitions": {"dynamic": True}})
    return Ticks(staleness, world.tick.resources, world.tick.instance, assets=routes([model]))


def test_added_key_without_rows_is_notified_once(world: World, keyed: Ticks) -> None:
    assert keyed() == "Nothing is older than it should be."
    keyed.instance.add_dynamic_partitions("keyed", ["10"])
    for _ in range(3):
        assert "keyed: the partition 10 was added and has no rows, the newest are of 9" in keyed()
    assert world.notified == ["keyed: the data is stale"]
    keyed.cursor = None
    keyed()
    assert len(world.notified) == 1
    world.month("keyed", "10")
    assert keyed() == "Nothing is older than it should be."
    assert not world.gauges.pushed["staleness"]


def test_added_key_whose_rows_a_run_makes_is_not_notified(
    world: World, keyed: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed.instance.add_dynamic_partitions("keyed", ["10"])
    monkeypatch.setattr(module, "busy_models", lambda _: {"keyed"})
    assert keyed() == "Nothing is older than it should be."
    assert not world.notified


@pytest.mark.parametrize("cursor", ["{", "[]", '{"grows": 1}', '{"next model": "", "grows": [1]}', None])
def test_stale_data_is_notified_once_when_the_cursor_is_lost(world: World, cursor: str | None) -> None:
    world.clock.now += 20 * DAY_SECONDS
    world.tick()
    assert '"grows"' in str(world.tick.cursor)
    world.tick.cursor = cursor
    world.tick()
    world.tick()
    assert world.notified == ["grows: the data is stale"]


def test_stale_champion_that_comes_back_is_notified_again(world: World) -> None:
    world.month("grows", "2026-12-01")
    world.tick()
    world.clock.now += 61 * DAY_SECONDS
    world.tick()
    world.registry.known["grows"] = ("1.1.0", world.clock.now)
    world.clock.now += DAY_SECONDS
    world.tick()
    world.registry.known["grows"] = ("1.0.0", NOVEMBER)
    for _ in range(2):
        world.tick()
    assert world.notified == ["grows: the model is stale"] * 2


def test_registry_that_is_down_keeps_the_known_ages(world: World) -> None:
    world.tick()
    world.registry.down = True
    world.clock.now += 61 * DAY_SECONDS
    message = world.tick()
    assert "MLflow does not answer." in message
    assert "grows: 1.0.0 is 61 days old" in message


def test_notice_that_failed_is_sent_by_a_later_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise Unavailable("No recipient took it.")

    world.clock.now += 20 * DAY_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr(world.notifier, "send", fails)
        assert "No recipient took it." in world.tick()
    world.tick()
    world.tick()
    assert len(world.notified) == 1


def test_models_are_examined_in_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODELS_PER_TICK", 1)
    seen = []
    for _ in range(4):
        world.tick()
        seen.append(world.tick.remembered()[module.NEXT])
    assert seen == ["grows", "stopped", "unlimited", "grows"]


@pytest.fixture
def many(world: World) -> Iterator[tuple[Ticks, Slow]]:
    """50 models, each of which is late."""
    models, people = [spec(f"m{number:02}") for number in range(50)], Slow()
    for model in models:
        world.month(model.name, "2024-01-01")
    resources = {**world.tick.resources, "notifications": MemoryNotifications(people)}
    yield Ticks(staleness, resources, world.tick.instance, assets=routes(models)), people
    people.allow(1000)


def test_slow_recipients_get_each_notice_once_over_some_ticks(
    many: tuple[Ticks, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    tick, people = many
    monkeypatch.setattr(module, "MODELS_PER_TICK", 20)  # a notice between a model's turns is remembered too
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    for number in range(1, 25):
        people.allow(2)
        tick()  # the third of its notices hangs
        until(lambda number=number: len(people.begun) == 2 * number + 1)
    people.allow(2)
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 30.0)
    for _ in range(3):  # turns
        tick()
    assert len(set(people.sent)) == len(people.begun) == 50


def test_hanging_notifier_keeps_no_tick_and_each_notice_is_sent_once(
    many: tuple[Ticks, Slow], monkeypatch: pytest.MonkeyPatch
) -> None:
    tick, people = many
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    for _ in range(3):
        assert notifications.PENDING in tick()
    assert (people.sent, len(people.begun)) == ([], 1)
    assert tick.remembered()["m49"][2] == "2024-01-01"  # the rest of the cursor is kept
    people.allow(1000)
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 30.0)
    tick()
    assert len(set(people.sent)) == len(people.begun) == 50
