"""Dead automation is notified once, and Prometheus gets the ticks."""

import time
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.incidents import Incident
from intermodal.sensors.heartbeat import heartbeat
from intermodal.sensors.toolkit import notifications
from intermodal.sensors.toolkit.instigators import last_due
from tests.memory import MemoryGauges, MemoryIncidents, MemoryNotifications, MemoryNotifier
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, jobs, routes, spec
from tests.targets import GCP

module = import_module("intermodal.sensors.heartbeat")  # the package has the sensor under the same name
(JOB,) = jobs(["m"])
REPOSITORY = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path="python")), "here")


@dg.sensor(job=JOB, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def outage() -> None: ...


@dg.sensor(job=JOB, minimum_interval_seconds=30)
def optional() -> None: ...


MONTHLY = dg.ScheduleDefinition(
    "monthly", cron_schedule="0 0 2 * *", job=JOB, default_status=dg.DefaultScheduleStatus.RUNNING
)


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any) -> None:
        self.instance, self.clock = instance, clock
        self.gauges, self.incidents, self.notifier = MemoryGauges(), MemoryIncidents(), MemoryNotifier()
        resources = {
            "gauges": self.gauges,
            "incidents": self.incidents,
            "notifications": MemoryNotifications(self.notifier),
        }
        models = routes([spec("m", budget={"usd_per_month": 5}, objectives={"availability": 99.5, "p95_ms": 100})])
        self.tick = Ticks(heartbeat, resources, instance, assets=models, others=[outage, optional], schedules=[MONTHLY])

    def ticked(self, name: str, ticked_at: float, ended: TickStatus = TickStatus.SKIPPED) -> None:
        """What the daemon writes of a tick."""
        state = self._state(name, InstigatorType.SENSOR)
        data = SensorInstigatorData(
            last_tick_timestamp=ticked_at,
            last_tick_start_timestamp=ticked_at,
            last_tick_success_timestamp=None if ended == TickStatus.FAILURE else ticked_at,
        )
        self.instance.update_instigator_state(state.with_data(data))
        if ended == TickStatus.FAILURE:  # only of failures are the ticks themselves looked at
            self._tick(state, ticked_at, ended)

    def stop(self, name: str) -> None:
        state = self._state(name, InstigatorType.SENSOR)
        self.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))

    def scheduled(self, name: str, began: float, ticks: list[float]) -> None:
        state = self._state(name, InstigatorType.SCHEDULE, ScheduleInstigatorData("0 0 2 * *", began))
        for ticked_at in ticks:
            self._tick(state, ticked_at, TickStatus.SUCCESS)

    def _state(self, name: str, kind: InstigatorType, data: Any = None) -> InstigatorState:
        origin = RemoteInstigatorOrigin(REPOSITORY, name)
        wanted = InstigatorState(origin, kind, InstigatorStatus.DECLARED_IN_CODE, data)
        found = self.instance.get_instigator_state(origin.get_id(), wanted.selector_id)
        return found or self.instance.add_instigator_state(wanted)

    def _tick(self, state: InstigatorState, ticked_at: float, ended: TickStatus) -> None:
        error = SerializableErrorInfo("no", [], None) if ended == TickStatus.FAILURE else None
        origin, selector = state.instigator_origin_id, state.selector_id
        self.instance.create_tick(
            TickData(
                origin,
                state.name,
                state.instigator_type,
                ended,
                ticked_at,
                run_ids=[],
                error=error,
                selector_id=selector,
            )
        )

    def pass_time(self, seconds: float, *alive: str) -> str:
        """Heartbeats every minute, while the sensors ``alive`` tick too."""
        until, message = self.clock.now + seconds, ""
        while self.clock.now < until:
            self.clock.now += 60
            for name in alive:
                self.ticked(name, self.clock.now)
            message = self.tick()
        return message


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One that remembers ticks."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance) -> World:
    clock = SimpleNamespace(now=1_795_000_000.0)
    fake = SimpleNamespace(time=lambda: clock.now, strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(module, "time", fake)
    instance.wipe_all_schedules()
    return World(instance, clock)


def test_ticks_of_sensors_are_pushed_to_prometheus(world: World) -> None:
    assert world.pass_time(600, "outage") == "2 sensors tick."
    assert world.gauges.pushed["heartbeat"] == [
        ("intermodal_heartbeat_timestamp_seconds", {"sensor": "heartbeat"}, world.clock.now),
        ("intermodal_heartbeat_timestamp_seconds", {"sensor": "outage"}, world.clock.now),
        ("intermodal_sensor_interval_seconds", {"sensor": "heartbeat"}, 30.0),
        ("intermodal_sensor_interval_seconds", {"sensor": "outage"}, 30.0),
    ]
    assert not world.notifier.sent


def test_sensor_that_stops_is_notified_once(world: World) -> None:
    world.pass_time(300, "outage")
    assert "outage is silent" in world.pass_time(600)
    assert [notice.title for notice in world.notifier.sent] == ["The sensor outage has stopped ticking"]
    world.pass_time(60, "outage")
    world.pass_time(600)
    assert len(world.notifier.sent) == 2


def test_stopped_sensor_whose_ticks_then_fail_is_notified_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor of a tick that fails is lost, and what it delivered is not."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    world.pass_time(300, "outage")
    world.pass_time(180)
    with monkeypatch.context() as patch:
        patch.setattr(module, "fail_zombie_runs", full)
        before = world.tick.cursor
        for _ in range(3):
            world.clock.now += 60
            world.tick.cursor = before
            with pytest.raises(OSError, match="No space left"):
                world.tick()
    world.tick()
    assert [notice.title for notice in world.notifier.sent] == ["The sensor outage has stopped ticking"]


def test_sensor_that_fails_again_is_notified_again(world: World) -> None:
    for _ in range(2):
        for _ in range(5):
            world.clock.now += 30
            world.ticked("outage", world.clock.now, TickStatus.FAILURE)
            world.tick()
        world.pass_time(300, "outage")
    assert [notice.title for notice in world.notifier.sent] == ["The sensor outage fails at every tick"] * 2


def test_sensor_that_never_ticked_is_notified(world: World) -> None:
    world.pass_time(600)
    assert [notice.title for notice in world.notifier.sent] == ["The sensor outage has stopped ticking"]


def test_sensor_that_fails_at_each_tick_is_notified_once(world: World) -> None:
    for _ in range(10):
        world.clock.now += 30
        world.ticked("outage", world.clock.now, TickStatus.FAILURE)
        world.tick()
    assert [notice.title for notice in world.notifier.sent] == ["The sensor outage fails at every tick"]


def test_sensor_stopped_by_a_person_is_not_notified(world: World) -> None:
    world.pass_time(60, "outage")
    world.stop("outage")
    assert world.pass_time(1200) == "1 sensors tick."
    assert not world.notifier.sent


@pytest.mark.parametrize("cursor", ["{", "[]", '{"at": "x"}', '{"at": 1}'])
def test_damaged_cursor_starts_anew(world: World, cursor: str) -> None:
    world.pass_time(300, "outage")
    world.tick.cursor = cursor
    assert world.pass_time(60) == "2 sensors tick."


def test_after_a_night_without_a_daemon_nobody_is_blamed(world: World) -> None:
    world.pass_time(300, "outage")
    world.clock.now += 8 * 3600
    world.pass_time(60)
    world.pass_time(600, "outage")
    assert not world.notifier.sent


def test_objectives_budget_and_incidents_are_pushed(world: World) -> None:
    world.incidents.open(Incident("i", "m", GCP, 1.0))
    world.tick()
    assert world.gauges.pushed["objectives"] == [
        ("intermodal_objective_p95_seconds", {"model": "m"}, 0.1),
        ("intermodal_objective_availability", {"model": "m"}, 0.995),
        ("intermodal_budget_usd", {"model": "m"}, 5.0),
    ]
    opened = {labels["target"]: value for _, labels, value in world.gauges.pushed["incidents"]}
    assert opened == {"aws/sagemaker": 0.0, "gcp/cloud-run": 1.0, "azure/ml": 0.0}


def test_tick_without_gauges_or_notifier_continues(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise Unavailable("nobody there")

    with monkeypatch.context() as patch:
        patch.setattr(world.gauges, "push", fails)
        patch.setattr(world.notifier, "send", fails)
        assert "nobody there" in world.pass_time(600)
    world.tick()
    world.tick()
    assert len(world.notifier.sent) == 1


def test_people_who_hang_do_not_stop_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Prometheus hears would stop with it. And a schedule is missed besides."""
    people = Slow()
    world.tick.resources["notifications"] = MemoryNotifications(people)
    following = last_due("0 0 2 * *", "UTC", world.clock.now + 40 * 86400)
    world.clock.now = following - 300
    world.scheduled("monthly", following - 1e6, [])
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        began = int(world.clock.now) + 60
        words = world.pass_time(1800)
        assert "outage is silent" in words
        assert notifications.PENDING in words
        assert world.gauges.pushed["heartbeat"][0][2] == world.clock.now
        assert len(people.begun) == 1
    people.allow(2)
    world.tick()
    assert notifications.PENDING not in world.tick()
    assert people.sent == [f"heartbeat-outage-silent-{began}", f"schedule-0 0 2 * *-{int(following)}"]


@pytest.mark.parametrize("ran", [True, False])
def test_schedule_that_did_not_run_is_notified_once(world: World, ran: bool) -> None:
    due = last_due("0 0 2 * *", "UTC", world.clock.now)
    world.scheduled("monthly", due - 1e6, [due])
    following = last_due("0 0 2 * *", "UTC", due + 40 * 86400)
    world.clock.now = following - 300
    world.pass_time(240, "outage")
    if ran:
        world.scheduled("monthly", due - 1e6, [following])
    world.pass_time(1800, "outage")
    expected = [] if ran else ["monthly was not run at"]
    assert [notice.title[:22] for notice in world.notifier.sent] == expected
