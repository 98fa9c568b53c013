"""The drift sensor asks about all models that have drifted at once, for a bounded time, and says who did not answer."""

import time
from collections.abc import Iterator
from importlib import import_module
from threading import Event
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring.drift import State
from intermodal.platform.monitoring.drift_result import DriftResult, keep_drift
from intermodal.platform.monitoring.retraining import RETRY_SECONDS
from intermodal.platform.ports.registry import Identity
from intermodal.sensors.drift import drift
from intermodal.sensors.toolkit import champions as registry
from intermodal.sensors.toolkit import drift_results, notifications
from tests.memory import MemoryNotifications, MemoryNotifier, MemoryTables
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, jobs, routes, spec

NAMES = [f"m{number:02}" for number in range(8)]
NEWER = "2024-06-01"
module = import_module("intermodal.sensors.drift")


class Registry:
    """A champion for every model. ``silent`` models get no answer until ``end``, ``broken`` ones an error."""

    def __init__(self) -> None:
        self.silent, self.broken, self.end, self.version = set[str](), set[str](), Event(), "1.0.0"
        self.dead, self.calls = False, list[str]()

    def champions(self) -> dict[str, Identity]:
        self.calls.append("champions")
        if self.dead:
            self.end.wait()
        return dict.fromkeys(NAMES, Identity(self.version))

    def champion(self, model: str) -> Any:
        self.calls.append(model)
        if self.dead:
            self.end.wait()
        if model in self.broken:
            raise Unavailable(f"{model}: MLflow says 500")
        if model in self.silent:
            self.end.wait()
        record = SimpleNamespace(holdout="2024-05-01")
        return SimpleNamespace(version=self.version, candidate=SimpleNamespace(record=record))


class World:
    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance, self.registry, self.tables = instance, Registry(), MemoryTables()
        self.notifier = MemoryNotifier()
        for name in NAMES:
            self.tables.write(name, "features", NEWER, pd.DataFrame())
        resources = {
            "registry": self.registry,
            "tables": self.tables,
            "notifications": MemoryNotifications(self.notifier),
        }
        specs = [spec(name) for name in NAMES]
        made = jobs(NAMES, "retrain_")
        self.tick = Ticks(drift(made), resources, instance, assets=routes(specs), jobs=made)

    def measured(self, state: State, *names: str, version: str = "1.0.0") -> None:
        for name in names or NAMES:
            keep_drift(self.tables, name, DriftResult(version, state, time.time(), 100))
            self.materialized(name)

    def materialized(self, name: str, **metadata: str) -> None:
        event = dg.AssetMaterialization(dg.AssetKey([name, "drift"]), metadata=metadata)
        self.instance.report_runless_asset_event(event)

    def requested(self) -> list[str]:
        return sorted(str(request.job_name).removeprefix("retrain_") for request in self.tick.requests)


@pytest.fixture
def world() -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        found = World(instance)
        yield found
        found.registry.end.set()


def test_drifted_models_are_retrained_once(world: World) -> None:
    world.measured("none")
    assert world.tick() == "No version's data has drifted."
    world.measured("drifted", *NAMES[:3])
    world.tick()
    assert world.requested() == NAMES[:3]
    world.tick()
    assert not world.tick.requests


def test_drift_that_a_person_marked_as_materialized_changes_nothing(world: World) -> None:
    world.measured("drifted", "m00", "m01")
    world.materialized("m00")
    world.materialized("m02", version="1.0.0", state="drifted")  # nothing was measured
    world.tick()
    assert world.requested() == ["m00", "m01"]


def test_drift_is_decided_by_the_stored_result_not_by_metadata(world: World) -> None:
    world.measured("none", "m00")
    world.materialized("m00", version="1.0.0", state="drifted")
    assert world.tick() == "No version's data has drifted."
    assert not world.tick.requests


def test_drift_is_read_once_for_each_measurement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, reads = world.tables.read, list[str]()

    def count(model: str, *key: str) -> pd.DataFrame:
        reads.append(model)
        return read(model, *key)

    monkeypatch.setattr(world.tables, "read", count)
    world.measured("none", "m00", "m01")
    world.tick()
    world.tick()
    assert sorted(reads) == ["m00", "m01"]
    world.measured("drifted", "m01")
    world.tick()
    assert (sorted(reads), world.requested()) == (["m00", "m01", "m01"], ["m01"])


def test_drift_that_is_read_late_is_kept_for_the_next_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read, allowed, ended = world.tables.read, Event(), Event()

    def slow(*partition: str) -> pd.DataFrame:
        allowed.wait()
        ended.set()
        return read(*partition)

    world.measured("drifted", "m00")
    with monkeypatch.context() as patch:
        patch.setattr(world.tables, "read", slow)
        patch.setattr(drift_results, "READING_SECONDS", 0.01)
        assert "m00: no answer within 0.01 s" in world.tick()
        allowed.set()
        assert ended.wait(5)
    monkeypatch.setattr(world.tables, "read", lambda *_: pytest.fail("it was read again"))
    deadline = time.monotonic() + 5
    while not module._results._known and time.monotonic() < deadline:
        time.sleep(0.005)
    world.tick()
    assert world.requested() == ["m00"]


def test_drift_that_cannot_be_read_is_read_by_the_next_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> pd.DataFrame:
        raise Unavailable("the bucket does not answer")

    world.measured("drifted", "m00")
    with monkeypatch.context() as patch:
        patch.setattr(world.tables, "read", refuse)
        assert world.tick() == "the drift of 1 models was not read, m00: the bucket does not answer"
        assert world.requested() == []
    world.tick()
    assert world.requested() == ["m00"]


def test_retraining_that_crashed_is_notified_and_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.measured("drifted", "m00")
    world.tick()
    run = world.tick.run(world.tick.requests[0], dg.DagsterRunStatus.STARTED)
    world.instance.report_run_failed(run, "MLflow does not answer")
    assert "m00: wait, the retraining failed, and is tried once more in" in world.tick()
    later = time.time() + RETRY_SECONDS + 5
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: later))
    world.tick()
    assert world.requested() == ["m00"]
    assert world.notifier.sent == []
    again = world.tick.run(world.tick.requests[0], dg.DagsterRunStatus.STARTED)
    world.instance.report_run_failed(again, "MLflow does not answer")
    monkeypatch.setattr(module, "crashed_at", lambda *_: later + 60)  # the clock of the tick is ahead of the run's
    for _ in range(4):
        world.tick()
        assert world.requested() == []
    (notice,) = world.notifier.sent  # and not, a tick later, of gates that never ran
    assert "its retraining failed twice" in notice.text


@pytest.mark.parametrize("blocking", [True, False])
def test_retraining_refused_by_its_gate_is_no_crash(world: World, blocking: bool) -> None:
    @dg.asset
    def model() -> None: ...

    @dg.asset_check(asset=model, blocking=blocking)
    def quality_gate() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset(deps=[model])
    def version() -> None:
        raise Unavailable("MLflow says 500")

    defs = dg.Definitions([model, version], [], jobs=[dg.define_asset_job("retrain_m00")], asset_checks=[quality_gate])
    world.measured("drifted", "m00")
    world.tick()
    job = defs.resolve_job_def("retrain_m00")
    assert not job.execute_in_process(instance=world.instance, raise_on_error=False).success
    words = world.tick()
    if blocking:
        assert "no retrained model passed its gates" in world.notifier.sent[0].text
    else:
        assert "the retraining failed" in words


@pytest.mark.parametrize("cursor", [None, "{", '{"m00": 1}', '{"m00": {"since": "x"}}'])
@pytest.mark.parametrize("ended", [False, True])
def test_lost_cursor_requests_no_second_run_for_an_onset(world: World, cursor: str | None, ended: bool) -> None:
    world.measured("drifted", "m00")
    world.tick()
    (request,) = world.tick.requests
    before, began = world.tick.remembered(), time.time()
    world.tick.run(request, dg.DagsterRunStatus.SUCCESS if ended else dg.DagsterRunStatus.STARTED)
    made = time.time()
    world.tick.cursor = cursor
    world.measured("drifted", "m00")  # at another time
    words = world.tick()
    assert not world.tick.requests
    assert ("a retraining runs" in words) != ended
    assert len(world.notifier.sent) == ended  # its gates refused the new version
    (after,) = world.tick.remembered().values()
    (retrained_at,) = after["retrained_at"]
    assert began - 0.001 <= retrained_at <= made
    assert (after["since"], after["retrained_from"]) == (int(before["m00"]["since"]), "1.0.0")


def test_version_with_a_waiting_successor_is_not_retrained(world: World) -> None:
    world.measured("drifted", "m00")
    world.registry.version = "1.1.0"
    assert "m00: wait, 1.0.0 has drifted, and 1.1.0 is champion now" in world.tick()
    assert not world.tick.requests
    assert world.notifier.sent == []
    world.registry.version = "1.0.0"
    world.tick()
    assert world.requested() == ["m00"]


def test_cool_down_holds_after_the_cursor_is_lost(world: World) -> None:
    """The version that came of the retraining was good, and drifts again within the day."""
    world.measured("drifted", "m00", "m01")
    world.tick()
    for request in world.tick.requests:
        world.tick.run(request, dg.DagsterRunStatus.SUCCESS)
    world.tick.cursor = None
    world.registry.version = "1.1.0"
    world.measured("none", "m00", version="1.1.0")
    world.tick()
    world.measured("drifted", "m00", "m02", version="1.1.0")
    world.tick()
    assert world.requested() == ["m02"]
    assert "m00: wait, cooling down for another 24.0 h" in world.tick()


def test_silent_models_delay_no_other_and_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.5)
    world.registry.silent, world.registry.broken = {"m01"}, {"m02"}
    world.measured("drifted", "m00", "m01", "m02", "m03")
    world.measured("none", *NAMES[4:])
    world.tick()
    assert world.requested() == ["m00", "m03"]
    words = world.tick()
    assert "m01: no answer within 0.5 s" in words
    assert "m02: m02: MLflow says 500" in words
    assert set(world.tick.remembered()) == {"m00", "m03", *NAMES[4:]}
    world.registry.silent, world.registry.broken = set(), set()
    world.tick()
    assert world.requested() == ["m01", "m02"]


def test_champions_are_read_at_the_same_time(world: World) -> None:
    """Each call waits until all others have begun."""
    begun = {name: Event() for name in NAMES}
    answer = world.registry.champion

    def meet(model: str) -> Any:
        begun[model].set()
        if not all(event.wait(4) for event in begun.values()):
            raise Unavailable("they are called one after the other")
        return answer(model)

    world.registry.champion = meet  # type: ignore[method-assign]
    world.measured("drifted")
    world.tick()
    assert world.requested() == NAMES


def test_those_at_the_end_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many silent models as can be called at once, and one that answers."""
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.3)
    monkeypatch.setattr("intermodal.sensors.toolkit.concurrency.CONCURRENT_CALLS", 2)
    world.registry.silent = {"m00", "m01"}
    world.measured("drifted", "m00", "m01", "m02")
    got: set[str] = set()
    for now in range(3):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda now=now: 1_795_000_000.0 + now))
        world.tick()
        got |= set(world.requested())
    assert got == {"m02"}


def test_dead_registry_has_one_call_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "REGISTRY_SECONDS", 0.01)
    world.registry.dead = True
    world.measured("drifted")
    for _ in range(3):
        assert "The registry does not give the champions: no answer within 0.01 s." in world.tick()
        assert not world.tick.requests
    assert world.registry.calls == ["champions"]
    world.registry.dead = False
    world.registry.end.set()
    monkeypatch.setattr(registry, "REGISTRY_SECONDS", 30.0)
    world.tick()
    assert world.requested() == NAMES


def test_registry_is_not_called_without_drift(world: World) -> None:
    world.measured("none")
    world.tick()
    assert world.registry.calls == []


def test_people_who_hang_keep_no_retraining_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tick, people = world.tick, Slow()
    tick.resources["notifications"] = MemoryNotifications(people)
    for name in NAMES[:-1]:  # without newer data, which would not help
        del world.tables.frames[name, "features", NEWER]
    world.measured("drifted")
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        tick()
        assert world.requested() == NAMES[-1:]
        tick.run(tick.requests[0], dg.DagsterRunStatus.STARTED)
        since = tick.remembered()["m00"]["since"]
        world.measured("drifted", *NAMES[:-1])  # at another time: the event is the same
        words = tick()
        assert tick.remembered()["m00"]["since"] == since
    assert notifications.PENDING in words
    assert f"{NAMES[0]}: ask people, there is no data newer" in words
    assert not [remembered for remembered in tick.remembered().values() if remembered.get("notified")]
    assert len(people.begun) == 1
    people.allow(1000)
    tick()
    tick()
    assert sorted(name for name, remembered in tick.remembered().items() if remembered.get("notified")) == NAMES[:-1]
    assert len(set(people.sent)) == len(people.begun) == len(NAMES) - 1


def test_drift_of_a_model_elsewhere_is_left_to_its_location(world: World) -> None:
    """Another code location defines it: its drift and the runs that its sensor requested are in the same instance."""
    world.measured("drifted", "m00", "theirs")
    tags = {"model": "theirs", "dagster/sensor_name": "drift", module.CAUSE: "drift of 1.0.0"}
    world.instance.add_run(dg.DagsterRun(job_name="retrain_theirs", tags=tags, status=dg.DagsterRunStatus.SUCCESS))
    world.tick()
    assert world.requested() == ["m00"]
    assert set(world.tick.remembered()) == {"m00"}
    assert world.notifier.sent == []
