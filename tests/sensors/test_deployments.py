"""What is champion, or what a spec says, is deployed once, and people hear of a failure once."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intermodal.platform.deployments import GRACE_SECONDS
from intermodal.platform.errors import Unavailable
from intermodal.platform.routing import Route
from intermodal.sensors import telling
from intermodal.sensors.deployments import deployments
from tests.memory import MemoryGateway, MemoryNotifier
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, jobs, routes, spec

FAILED, DONE, RUNS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED

SERVED = "Every champion is served, as its spec says."
module = import_module("intermodal.sensors.deployments")  # the package has the sensor under the same name


class Registry:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.down = False

    def champions(self) -> dict[str, str]:
        if self.down:
            raise Unavailable("MLflow does not answer.")
        return self.known


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any) -> None:
        self.clock, self.instance = clock, instance
        self.registry, self.gateway, self.notifier = Registry(), MemoryGateway([]), MemoryNotifier()
        self.resources = {"registry": self.registry, "gateway": self.gateway, "notifier": self.notifier}
        self.reload("1 replica")
        self.serve("m", "1.0.0")

    def reload(self, stated: str) -> None:
        """The definitions are loaded anew: what ``m`` states is this."""
        cursor, keys = (self.tick.cursor, self.tick.keys) if hasattr(self, "tick") else (None, [])
        self.stated = stated
        assets = [*routes([spec("m")], code_version=stated), *routes([spec("n")], code_version="1 replica")]
        self.tick = Ticks(deployments(jobs(["m", "n"])), self.resources, self.instance, assets=assets)
        self.tick.cursor, self.tick.keys = cursor, keys

    def serve(self, model: str, version: str) -> None:
        """What a run of ``deploy_<model>`` leaves when it ends well."""
        self.gateway.routes[model] = Route(model, version, {"aws": 1}, {}, "{}")
        made = dg.AssetMaterialization([model, "route"], tags={"dagster/code_version": self.stated})
        self.instance.report_runless_asset_event(made)

    def settle(self) -> str:
        """Ticks, as the daemon makes them, until the grace is over."""
        said = self.tick()
        while not self.tick.requests and self.clock.now < self.clock.until:
            self.clock.now += 30
            said = self.tick()
        return said

    def pass_time(self, seconds: float) -> str:
        self.clock.until = self.clock.now + seconds
        return self.settle()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    import time

    clock = SimpleNamespace(now=time.time(), until=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, clock)


def test_what_is_served_needs_nothing(world: World) -> None:
    world.registry.known = {"m": "1.0.0", "somebody_elses": "7.0.0"}
    assert world.tick() == SERVED


def test_a_promotion_is_deployed_once(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.tick()
    (request,) = world.tick.requests
    assert request.job_name == "deploy_m"
    assert request.tags["model"] == "m"
    world.tick.run(request, RUNS)
    assert "a run is in progress" in world.pass_time(300)
    assert not world.tick.requests


def test_while_anything_of_the_model_runs_nothing_is_asked_for(world: World) -> None:
    world.registry.known = {"m": "1.1.0", "n": "1.0.0"}
    by_hand = dg.DagsterRun(
        job_name="__ASSET_JOB", status=RUNS, asset_selection=frozenset({dg.AssetKey(["m", "mirror", "aws"])})
    )
    world.instance.add_run(by_hand)
    world.pass_time(10 * GRACE_SECONDS)
    assert [request.job_name for request in world.tick.requests] == ["deploy_n"]


def test_a_failure_is_told_once_and_not_tried_again(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.pass_time(GRACE_SECONDS)
    world.tick.run(world.tick.requests[0], FAILED)
    assert "its deployment failed" in world.pass_time(0)
    assert "people were told; it is not tried again" in world.pass_time(10 * GRACE_SECONDS)
    assert [notice.title for notice in world.notifier.told] == ["m 1.1.0 is not served as its spec says"]
    assert len(world.tick.keys) == 1


def test_a_failure_of_somebody_elses_deployment_counts_too(world: World) -> None:
    keys = frozenset({dg.AssetKey(["m", "endpoint", "aws"])})
    by_hand = world.instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", status=RUNS, asset_selection=keys))
    world.registry.known = {"m": "1.1.0"}
    world.clock.now -= 5
    world.tick()
    world.instance.delete_run(by_hand.run_id)
    world.instance.add_run(dg.DagsterRun(job_name="__ASSET_JOB", status=FAILED, asset_selection=keys))
    world.pass_time(10 * GRACE_SECONDS)
    assert not world.tick.keys
    assert len(world.notifier.told) == 1


def test_a_failed_training_does_not_keep_a_promotion_from_being_deployed(world: World) -> None:
    training = world.instance.add_run(dg.DagsterRun(job_name="train_m", status=RUNS, tags={"model": "m"}))
    world.registry.known = {"m": "1.1.0"}
    world.clock.now -= 5
    world.tick()
    world.instance.delete_run(training.run_id)
    world.instance.add_run(dg.DagsterRun(job_name="train_m", status=FAILED, tags={"model": "m"}))
    world.tick()
    assert len(world.tick.requests) == 1


def test_the_same_version_promoted_again_is_another_event(world: World) -> None:
    for version in ("1.1.0", "1.0.0", "1.1.0"):
        world.registry.known = {"m": version}
        world.clock.now += 30
        world.tick()
        world.tick.run(world.tick.requests[0], DONE)
        world.serve("m", version)
        assert world.tick() == SERVED
    assert len(set(world.tick.keys)) == 3


def test_a_spec_is_deployed_once_for_each_change(world: World) -> None:
    world.registry.known = {"m": "1.0.0", "n": "1.0.0"}
    world.serve("n", "1.0.0")
    for stated in ("2 replicas", "1 replica", "2 replicas"):
        world.reload(stated)
        world.tick()
        (request,) = world.tick.requests
        assert request.job_name == "deploy_m"
        world.tick.run(request, DONE)
        world.serve("m", "1.0.0")
        assert world.tick() == SERVED
        world.clock.now += 30
    assert len(set(world.tick.keys)) == 3


def test_a_spec_that_changes_before_the_last_change_is_deployed_is_deployed_too(world: World) -> None:
    world.registry.known = {"m": "1.0.0"}
    world.reload("2 replicas")
    world.tick()
    run = world.tick.run(world.tick.requests[0], RUNS)
    world.reload("3 replicas")
    assert "a run is in progress" in world.tick()
    world.instance.delete_run(run.run_id)
    world.tick()
    assert len(world.tick.requests) == 1


def test_a_route_that_nobody_remembers_making_is_deployed_once(world: World) -> None:
    """As after somebody marked it as materialized by hand, or lost Dagster's storage."""
    world.registry.known = {"m": "1.0.0"}
    world.instance.report_runless_asset_event(dg.AssetMaterialization(["m", "route"]))
    world.tick()
    assert len(world.tick.requests) == 1


def test_nothing_is_decided_while_the_registry_is_down(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.tick()
    cursor = world.tick.cursor
    world.registry.down = True
    assert "MLflow does not answer" in world.tick()
    assert world.tick.cursor == cursor


@pytest.mark.parametrize("garbled", [None, "{", "[1]", '{"m": 3}', '{"m": {"version": "1.1.0"}}'])
def test_a_lost_cursor_deploys_nothing_again(world: World, garbled: str | None) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.pass_time(GRACE_SECONDS)
    world.tick.run(world.tick.requests[0], FAILED)
    world.tick.cursor = garbled
    world.pass_time(10 * GRACE_SECONDS)
    assert len(world.tick.keys) == 1
    assert len(world.notifier.told) == 1


def test_a_deployment_that_fails_after_its_route_was_published_is_told(world: World) -> None:
    world.registry.known = {"m": "1.1.0"}
    world.tick()
    run = world.tick.run(world.tick.requests[0], RUNS)
    world.serve("m", "1.1.0")
    assert "a run is in progress" in world.tick()
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, run.job_name)
    world.instance.report_dagster_event(event, run_id=run.run_id)
    assert "after the route was published" in world.tick()
    assert world.tick() == SERVED
    assert len(world.notifier.told) == 1


def test_somebody_who_could_not_be_told_is_told_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise Unavailable("Nobody could be told.")

    world.registry.known = {"m": "1.1.0"}
    world.pass_time(GRACE_SECONDS)
    world.tick.run(world.tick.requests[0], FAILED)
    with monkeypatch.context() as patch:
        patch.setattr(world.notifier, "tell", fails)
        assert "Nobody could be told." in world.tick()
    world.tick()
    world.tick()
    assert len(world.notifier.told) == 1


def test_people_who_hang_keep_no_deployment_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.registry.known, people = {"m": "1.1.0"}, Slow()
    world.pass_time(GRACE_SECONDS)
    world.tick.run(world.tick.requests[0], FAILED)
    world.tick.resources["notifier"] = people
    world.registry.known["n"] = "1.0.0"
    with monkeypatch.context() as patch:
        patch.setattr(telling, "SECONDS", 0.01)
        world.tick()
        assert [one.job_name for one in world.tick.requests] == ["deploy_n"]
        assert not world.tick.remembered()["m"]["told"]
        assert telling.LATER in world.tick()
    people.allow(1)
    world.tick()
    assert world.tick.remembered()["m"]["told"]
    assert "people were told" in world.tick()
    assert len(people.told) == len(people.begun) == 1


STEPS = st.lists(
    st.sampled_from(
        ["tick", "promote 1.1.0", "promote 1.0.0", "spec", "fails", "done", "forget", "garble", "down", "up"]
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_one_run_for_each_event_whatever_happens(monkeypatch: pytest.MonkeyPatch, steps: list[str]) -> None:
    """No run is asked for while one of ours waits or runs, nor a second time for an event whose run failed."""
    clock = SimpleNamespace(now=1_800_000_000.0, until=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        world, waiting, events, asked = World(instance, clock), list[dg.DagsterRun](), 0, 0
        world.registry.known = {"m": "1.0.0"}
        for step in steps:
            clock.now += 100
            match step.split(" "):
                case ["promote", version] if version != world.registry.known["m"]:
                    world.registry.known = {"m": version}
                    events += 1
                case ["spec"]:
                    world.reload(f"spec of {clock.now}")
                    events += 1
                case ["forget"]:
                    world.tick.cursor = None
                case ["garble"]:
                    world.tick.cursor = "}{"
                case ["down"]:
                    world.registry.down = True
                case ["up"]:
                    world.registry.down = False
                case ["fails" | "done" as how] if waiting:
                    run = waiting.pop()
                    event = dg.DagsterEventType.RUN_SUCCESS if how == "done" else dg.DagsterEventType.RUN_FAILURE
                    instance.report_dagster_event(dg.DagsterEvent(event.value, run.job_name), run_id=run.run_id)
                    if how == "done":
                        world.serve("m", world.registry.known["m"])
                case ["tick"]:
                    world.tick()
                    if world.tick.requests:
                        assert not waiting
                        asked += 1
                        waiting.append(world.tick.run(world.tick.requests[0], RUNS))
        assert asked <= events
