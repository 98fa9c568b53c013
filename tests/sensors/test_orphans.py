"""What nobody uses is removed once, and never what somebody does."""

from collections.abc import Iterator
from importlib import import_module
from threading import Event
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intermodal.assets.ports import store_key, target_key
from intermodal.assets.resilience.reap import reap
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.orphans import GRACE_SECONDS
from intermodal.platform.targets import TARGETS
from intermodal.sensors.orphans import orphans
from intermodal.sensors.toolkit import champions as registry
from intermodal.sensors.toolkit import notifications
from intermodal.sensors.toolkit.concurrency import SingleFlight
from tests.memory import MemoryDeployment, MemoryGateway, MemoryIncidents, MemoryNotifier, MemoryStore, MemoryTarget
from tests.sensors.people import Slow
from tests.sensors.support import Ticks

NOW = 1_795_000_000.0

module = import_module("intermodal.sensors.orphans")  # the package has the sensor under the same name


class Registry:
    def __init__(self) -> None:
        self.known: dict[str, str] | None = {}

    def champions(self) -> dict[str, str]:
        if self.known is None:
            raise Unavailable("MLflow does not answer.")
        return self.known


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any) -> None:
        self.clock, self.instance, self.registry = clock, instance, Registry()
        self.targets = {target.cloud: MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS}
        self.gateway, self.incidents, self.notifier = MemoryGateway([]), MemoryIncidents(), MemoryNotifier()
        self.resources: dict[str, Any] = {
            "deployment": MemoryDeployment(),
            "gateway": self.gateway,
            "incidents": self.incidents,
            "notifier": self.notifier,
            "registry": self.registry,
            **{target_key(place.target): place for place in self.targets.values()},
            **{store_key(cloud): place.store for cloud, place in self.targets.items()},
        }
        self.tick = Ticks(orphans, self.resources, instance)
        self.route("m", "1.0.0")
        for cloud in self.targets:
            self.endpoint(cloud, "1.0.0")

    def route(self, model: str, version: str) -> None:
        self.gateway.routes[model] = Route(model, version, dict.fromkeys(self.targets, 1), {}, "{}")

    def endpoint(self, cloud: str, version: str, model: str = "m") -> str:
        place, name = self.targets[cloud], endpoint_name(model, version, "sandbox")
        place.endpoints[name] = Endpoint(place.target, name, model, version, "https://x", "ready")
        return name

    def pass_time(self, seconds: float) -> str:
        """The tick at the end; nothing is asked for before."""
        self.tick()
        assert not self.tick.requests
        self.clock.now += seconds
        return self.tick()

    def reap(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return self.tick.repository.get_job("reap").execute_in_process(
            run_config=request.run_config, tags=request.tags, instance=self.instance, raise_on_error=False
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr(module, "_listing", SingleFlight())
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, clock)


def test_what_is_routed_stays(world: World) -> None:
    assert world.pass_time(10 * GRACE_SECONDS) == "Every endpoint is in use."


def test_an_orphan_is_removed_after_the_grace_and_people_are_told(world: World) -> None:
    name = world.endpoint("gcp", "0.9.0")
    assert f"{name} on gcp/cloud-run is in nobody's use" in world.pass_time(GRACE_SECONDS - 1)
    assert not world.tick.requests
    world.clock.now += 1
    world.tick()
    (request,) = world.tick.requests
    assert request.tags["model"] == "m"
    assert world.reap(request).success
    assert list(world.targets["gcp"].endpoints) == [endpoint_name("m", "1.0.0", "sandbox")]
    assert [notice.title for notice in world.notifier.told] == [f"{name} on gcp/cloud-run was removed"]
    assert world.reap(request).success  # again changes nothing
    assert len(world.notifier.told) == 1
    assert world.tick() == "Every endpoint is in use."


def test_the_job_looks_again_before_it_deletes(world: World) -> None:
    name = world.endpoint("aws", "1.1.0")
    world.pass_time(GRACE_SECONDS)
    world.route("m", "1.1.0")
    assert world.reap(world.tick.requests[0]).success
    assert name in world.targets["aws"].endpoints
    assert not world.notifier.told


def test_the_job_leaves_other_environments_alone(world: World) -> None:
    place, name = world.targets["aws"], endpoint_name("m", "0.1.0", "staging")
    place.endpoints[name] = Endpoint(place.target, name, "m", "0.1.0", "https://x", "ready")
    config = {"ops": {"reap_endpoint": {"config": {"target": "aws/sagemaker", "name": name}}}}
    assert not world.reap(dg.RunRequest(run_config=config)).success
    assert name in place.endpoints


def test_a_job_that_waits_for_others_is_not_in_their_way(world: World) -> None:
    """Two orphans of one model: another of these runs is no reason to leave the first."""
    for cloud in ("aws", "gcp"):
        world.endpoint(cloud, "0.9.0")
    world.pass_time(GRACE_SECONDS)
    first, second = world.tick.requests
    world.tick.run(second, dg.DagsterRunStatus.STARTED)
    assert world.reap(first).success
    assert len(world.notifier.told) == 1


@pytest.mark.parametrize("why", ["running", "by hand", "incident", "no route", "no registry"])
def test_what_may_be_of_use_stays(world: World, why: str) -> None:
    world.endpoint("aws", "1.1.0")
    match why:
        case "running":
            world.instance.add_run(
                dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=dg.DagsterRunStatus.STARTED)
            )
        case "by hand":
            keys = frozenset({dg.AssetKey(["m", "endpoint", "aws"])})
            run = dg.DagsterRun(job_name="__ASSET_JOB", asset_selection=keys, status=dg.DagsterRunStatus.STARTED)
            world.instance.add_run(run)
        case "incident":
            world.incidents.open(Incident("i", "m", "aws", NOW))
        case "no route":
            world.gateway.routes.clear()
            world.registry.known = {"m": "1.1.0"}
            world.endpoint("aws", "1.0.0")
        case "no registry":
            world.gateway.routes.clear()
            world.registry.known = None
    world.pass_time(10 * GRACE_SECONDS)
    assert not [one for one in world.tick.requests if "1-1-0" in str(one.run_key)]


def test_the_grace_begins_again_after_every_run(world: World) -> None:
    world.endpoint("aws", "1.1.0")
    world.pass_time(GRACE_SECONDS - 1)
    run = dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(run)
    world.tick()
    world.instance.delete_run(run.run_id)
    world.pass_time(GRACE_SECONDS - 1)
    assert not world.tick.keys


def test_a_cloud_that_does_not_answer_is_named_and_remembered(world: World) -> None:
    world.endpoint("aws", "0.9.0")
    world.endpoint("gcp", "0.9.0")
    world.tick()
    world.targets["aws"].gone = True
    world.pass_time(GRACE_SECONDS)
    assert [one.run_config["ops"]["reap_endpoint"]["config"]["target"] for one in world.tick.requests] == [
        "gcp/cloud-run"
    ]
    assert "aws/sagemaker is passed over: it does not answer" in world.tick()
    world.targets["aws"].gone = False
    world.tick()
    assert len(world.tick.keys) == 2


def test_a_cloud_that_swallows_packets_keeps_a_tick_no_longer_than_it_may(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, place = Event(), world.targets["aws"]
    listed, begun = place.list, list[float]()

    def swallowed(*_: Any) -> Any:
        begun.append(world.clock.now)
        arrived.wait()
        return listed("sandbox")

    for cloud in ("aws", "gcp"):
        world.endpoint(cloud, "0.9.0")
    monkeypatch.setattr(module, "SECONDS", 0.2)
    monkeypatch.setattr(place, "list", swallowed)
    words = world.tick()
    assert "aws/sagemaker is passed over: no answer within 0.2 s" in words
    assert "m-0-9-0-sandbox on gcp/cloud-run is in nobody's use" in words
    world.tick()
    assert len(begun) == 1  # nobody is asked twice at once
    monkeypatch.setattr(module, "SECONDS", 30.0)
    arrived.set()
    assert "m-0-9-0-sandbox on aws/sagemaker is in nobody's use" in world.tick()


def test_one_that_could_not_be_removed_is_told_once(world: World) -> None:
    world.endpoint("aws", "0.9.0")
    world.pass_time(GRACE_SECONDS)
    for _ in range(4):
        world.clock.now += GRACE_SECONDS
        world.tick()
    assert len(world.tick.keys) == 1
    assert [notice.title for notice in world.notifier.told] == ["m-0-9-0-sandbox on aws/sagemaker bills on"]


def test_people_who_hang_keep_no_removal_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = Slow()
    world.tick.resources["notifier"] = people
    world.endpoint("aws", "0.9.0")
    world.pass_time(GRACE_SECONDS)
    world.endpoint("gcp", "0.9.0")
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "SECONDS", 0.01)
        words = world.pass_time(GRACE_SECONDS)
        assert [str(one.run_key).split("-")[0] for one in world.tick.requests] == ["gcp/cloud"]
        assert notifications.PENDING in world.tick()
        assert "bills on" not in words
    people.allow(1)
    for _ in range(2):
        assert notifications.PENDING not in world.tick()
    assert people.told == people.begun == ["orphan-aws/sagemaker-m-0-9-0-sandbox"]


@pytest.mark.parametrize("routed", [True, False])
def test_a_dead_registry_keeps_no_tick_waiting(world: World, monkeypatch: pytest.MonkeyPatch, routed: bool) -> None:
    back, asked = Event(), list[float]()

    def hangs() -> dict[str, str]:
        asked.append(world.clock.now)
        assert back.wait(60)
        return {}

    world.registry.champions = hangs  # type: ignore[method-assign]
    if not routed:
        world.gateway.routes.clear()
    world.endpoint("aws", "0.9.0")
    monkeypatch.setattr(registry, "SECONDS", 0.01)
    assert "The registry does not say what is champion: no answer within 0.01 s." in world.tick()
    world.clock.now += GRACE_SECONDS
    world.tick()
    assert len(world.tick.requests) == routed  # without a route it may be the champion
    assert len(asked) == 1
    back.set()


def test_nothing_is_removed_when_what_is_used_is_not_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise Unavailable("no disk")

    world.endpoint("aws", "0.9.0")
    world.tick()
    cursor = world.tick.cursor
    monkeypatch.setattr(world.incidents, "all", fails)
    world.clock.now += 10 * GRACE_SECONDS
    assert "Not known what is in use, so nothing is removed." in world.tick()
    assert world.tick.cursor == cursor


def test_the_job_is_the_sensors(world: World) -> None:
    assert world.tick.repository.get_job("reap").name == reap.name


STEPS = st.lists(
    st.sampled_from(["tick", "appear", "vanish", "use", "unuse", "restart", "garble", "away", "back"]), max_size=30
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_one_removal_for_each_appearance_and_never_of_what_is_used(
    monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        world, begun, used = World(instance, clock), 0, False
        for step in steps:
            clock.now += GRACE_SECONDS / 2
            match step:
                case "appear":
                    begun += endpoint_name("m", "2.0.0", "sandbox") not in world.targets["aws"].endpoints
                    world.endpoint("aws", "2.0.0")
                case "vanish":
                    world.targets["aws"].endpoints.pop(endpoint_name("m", "2.0.0", "sandbox"), None)
                case "use" | "unuse":
                    begun += used and step == "unuse"
                    used = step == "use"
                    world.route("m", "2.0.0" if used else "1.0.0")
                case "garble":
                    begun += 1  # the memory of having asked is lost: the job, which looks again, may be asked for again
                    world.tick.cursor = '{"a": [}'
                case "away" | "back":
                    world.targets["aws"].gone = step == "away"
                case _:
                    world.tick()
                    for request in world.tick.requests:
                        version = "2-0-0" if "2-0-0" in str(request.run_key) else "1-0-0"
                        assert (version == "2-0-0") != used
        assert len([key for key in world.tick.keys if "aws" in key and "2-0-0" in key]) <= begun
