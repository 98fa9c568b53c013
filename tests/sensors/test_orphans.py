"""An endpoint that is not in use is removed once, and one in use never."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from threading import Event
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intermodal.assets.resilience.reap import reap
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.registry import Identity
from intermodal.platform.resilience.orphans import GRACE_SECONDS
from intermodal.platform.targets import Target
from intermodal.sensors.orphans import orphans
from intermodal.sensors.toolkit import champions as registry
from intermodal.sensors.toolkit import notifications
from intermodal.sensors.toolkit.concurrency import SingleFlight
from tests.memory import (
    MemoryDeployment,
    MemoryGateway,
    MemoryImages,
    MemoryIncidents,
    MemoryNotifications,
    MemoryNotifier,
    MemoryStore,
    MemoryStores,
    MemoryTarget,
    MemoryTargets,
)
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, routes, spec
from tests.targets import AWS, AWS_EU, EKS, GCP, TARGETS

NOW = 1_795_000_000.0

module = import_module("intermodal.sensors.orphans")  # the package has the sensor under the same name


class Registry:
    def __init__(self) -> None:
        self.known: dict[str, str] | None = {}

    def champions(self) -> dict[str, Identity]:
        if self.known is None:
            raise Unavailable("MLflow does not answer.")
        return {name: Identity(version) for name, version in self.known.items()}


class World:
    def __init__(self, instance: dg.DagsterInstance, clock: Any, targets: Sequence[Target] = TARGETS) -> None:
        self.clock, self.instance, self.registry = clock, instance, Registry()
        self.targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in targets}
        self.gateway, self.incidents, self.notifier = MemoryGateway([]), MemoryIncidents(), MemoryNotifier()
        self.resources: dict[str, Any] = {
            "deployment": MemoryDeployment(),
            "gateway": self.gateway,
            "incidents": self.incidents,
            "notifications": MemoryNotifications(self.notifier),
            "registry": self.registry,
            "targets": MemoryTargets(self.targets),
            "images": MemoryImages(),
            "stores": MemoryStores.of(adapter.store for adapter in self.targets.values()),
        }
        self.tick = Ticks(orphans, self.resources, instance, assets=routes([spec("m")]))
        self.route("m", "1.0.0")
        for target in self.targets:
            self.endpoint(target, "1.0.0")

    def route(self, model: str, version: str) -> None:
        self.gateway.routes[model] = Route(model, version, dict.fromkeys(self.targets, 1), {}, "{}")

    def endpoint(self, target: Target, version: str, model: str = "m") -> str:
        name = endpoint_name(model, version, "sandbox")
        self.targets[target].endpoints[name] = Endpoint(target, name, model, version, "https://x", "ready")
        return name

    def pass_time(self, seconds: float) -> str:
        """The tick at the end. Nothing is requested before."""
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


def test_orphans_on_the_route_stay(world: World) -> None:
    assert world.pass_time(10 * GRACE_SECONDS) == "Every endpoint is in use."


def test_orphans_are_removed_after_the_grace_and_notified(world: World) -> None:
    name = world.endpoint(GCP, "0.9.0")
    assert f"{name} on gcp/cloud-run is not in use" in world.pass_time(GRACE_SECONDS - 1)
    assert not world.tick.requests
    world.clock.now += 1
    world.tick()
    (request,) = world.tick.requests
    assert request.tags["model"] == "m"
    assert world.reap(request).success
    assert list(world.targets[GCP].endpoints) == [endpoint_name("m", "1.0.0", "sandbox")]
    assert [notice.title for notice in world.notifier.sent] == [f"{name} on gcp/cloud-run was removed"]
    assert world.reap(request).success  # again changes nothing
    assert len(world.notifier.sent) == 1
    assert world.tick() == "Every endpoint is in use."


def test_reap_of_endpoint_in_use_deletes_nothing(world: World) -> None:
    name = world.endpoint(AWS, "1.1.0")
    world.pass_time(GRACE_SECONDS)
    world.route("m", "1.1.0")
    assert world.reap(world.tick.requests[0]).success
    assert name in world.targets[AWS].endpoints
    assert not world.notifier.sent


def test_reap_in_other_environment_deletes_nothing(world: World) -> None:
    adapter, name = world.targets[AWS], endpoint_name("m", "0.1.0", "staging")
    adapter.endpoints[name] = Endpoint(AWS, name, "m", "0.1.0", "https://x", "ready")
    config = {"ops": {"reap_endpoint": {"config": {"target": "aws/sagemaker", "name": name}}}}
    assert not world.reap(dg.RunRequest(run_config=config)).success
    assert name in adapter.endpoints


def test_reap_while_another_reap_waits_deletes(world: World) -> None:
    """Two orphans of one model: another of these runs is no reason to leave the first."""
    for target in (AWS, GCP):
        world.endpoint(target, "0.9.0")
    world.pass_time(GRACE_SECONDS)
    first, second = world.tick.requests
    world.tick.run(second, dg.DagsterRunStatus.STARTED)
    assert world.reap(first).success
    assert len(world.notifier.sent) == 1


@pytest.mark.parametrize("why", ["running", "by hand", "incident", "no route", "no registry"])
def test_orphans_that_may_be_of_use_stay(world: World, why: str) -> None:
    world.endpoint(AWS, "1.1.0")
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
            world.incidents.open(Incident("i", "m", AWS, NOW))
        case "no route":
            world.gateway.routes.clear()
            world.registry.known = {"m": "1.1.0"}
            world.endpoint(AWS, "1.0.0")
        case "no registry":
            world.gateway.routes.clear()
            world.registry.known = None
    world.pass_time(10 * GRACE_SECONDS)
    assert not [request for request in world.tick.requests if "1-1-0" in str(request.run_key)]


def test_orphans_after_a_run_get_the_grace_again(world: World) -> None:
    world.endpoint(AWS, "1.1.0")
    world.pass_time(GRACE_SECONDS - 1)
    run = dg.DagsterRun(job_name="deploy_m", tags={"model": "m"}, status=dg.DagsterRunStatus.STARTED)
    world.instance.add_run(run)
    world.tick()
    world.instance.delete_run(run.run_id)
    world.pass_time(GRACE_SECONDS - 1)
    assert not world.tick.keys


def test_orphans_on_silent_target_are_remembered(world: World) -> None:
    world.endpoint(AWS, "0.9.0")
    world.endpoint(GCP, "0.9.0")
    world.tick()
    world.targets[AWS].gone = True
    world.pass_time(GRACE_SECONDS)
    assert [request.run_config["ops"]["reap_endpoint"]["config"]["target"] for request in world.tick.requests] == [
        "gcp/cloud-run"
    ]
    assert "aws/sagemaker is passed over: it does not answer" in world.tick()
    world.targets[AWS].gone = False
    world.tick()
    assert len(world.tick.keys) == 2


def test_orphans_tick_with_hanging_target_ends_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, adapter = Event(), world.targets[AWS]
    listed, begun = adapter.list, list[float]()

    def swallowed(*_: Any) -> Any:
        begun.append(world.clock.now)
        arrived.wait()
        return listed("sandbox")

    for target in (AWS, GCP):
        world.endpoint(target, "0.9.0")
    monkeypatch.setattr(module, "LISTING_SECONDS", 0.2)
    monkeypatch.setattr(adapter, "list", swallowed)
    message = world.tick()
    assert "aws/sagemaker is passed over: no answer within 0.2 s" in message
    assert "m-0-9-0-sandbox on gcp/cloud-run is not in use" in message
    world.tick()
    assert len(begun) == 1  # no call begins twice at once
    monkeypatch.setattr(module, "LISTING_SECONDS", 30.0)
    arrived.set()
    assert "m-0-9-0-sandbox on aws/sagemaker is not in use" in world.tick()


def test_orphans_that_stay_are_notified_once(world: World) -> None:
    world.endpoint(AWS, "0.9.0")
    world.pass_time(GRACE_SECONDS)
    for _ in range(4):
        world.clock.now += GRACE_SECONDS
        world.tick()
    assert len(world.tick.keys) == 1
    assert [notice.title for notice in world.notifier.sent] == ["m-0-9-0-sandbox on aws/sagemaker still costs money"]


def test_orphans_with_hanging_notifier_are_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = Slow()
    world.tick.resources["notifications"] = MemoryNotifications(people)
    world.endpoint(AWS, "0.9.0")
    world.pass_time(GRACE_SECONDS)
    world.endpoint(GCP, "0.9.0")
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        message = world.pass_time(GRACE_SECONDS)
        assert [str(request.run_key).split("-")[0] for request in world.tick.requests] == ["gcp/cloud"]
        assert notifications.PENDING in world.tick()
        assert "still costs money" not in message
    people.allow(1)
    for _ in range(2):
        assert notifications.PENDING not in world.tick()
    assert people.sent == people.begun == [f"orphan-aws/sagemaker-m-0-9-0-sandbox-{int(NOW)}"]


def test_orphans_that_come_back_are_notified_again(world: World) -> None:
    for _ in range(2):
        name = world.endpoint(AWS, "0.9.0")
        world.pass_time(GRACE_SECONDS)
        for _ in range(3):
            world.clock.now += GRACE_SECONDS
            world.tick()
        del world.targets[AWS].endpoints[name]
        world.tick()
    assert [notice.title for notice in world.notifier.sent] == [f"{name} on aws/sagemaker still costs money"] * 2


def test_orphans_of_a_lost_cursor_are_not_notified_at_every_tick(world: World) -> None:
    world.endpoint(AWS, "0.9.0")
    world.pass_time(2 * GRACE_SECONDS)
    world.clock.now += GRACE_SECONDS
    for cursor in (world.tick.cursor, world.tick.cursor):
        world.tick.cursor = cursor
        world.tick()
    assert len(world.notifier.sent) == 1


@pytest.mark.parametrize("routed", [True, False])
def test_orphans_tick_with_dead_registry_ends_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch, routed: bool
) -> None:
    back, calls = Event(), list[float]()

    def hangs() -> dict[str, str]:
        calls.append(world.clock.now)
        assert back.wait(60)
        return {}

    world.registry.champions = hangs  # type: ignore[method-assign]
    if not routed:
        world.gateway.routes.clear()
    world.endpoint(AWS, "0.9.0")
    monkeypatch.setattr(registry, "REGISTRY_SECONDS", 0.01)
    assert "The registry does not give the champions: no answer within 0.01 s." in world.tick()
    world.clock.now += GRACE_SECONDS
    world.tick()
    assert len(world.tick.requests) == routed  # without a route it may be the champion
    assert len(calls) == 1
    back.set()


def test_orphans_without_known_uses_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise Unavailable("no disk")

    world.endpoint(AWS, "0.9.0")
    world.tick()
    cursor = world.tick.cursor
    monkeypatch.setattr(world.incidents, "all", fails)
    world.clock.now += 10 * GRACE_SECONDS
    assert "Not known what is in use, so nothing is removed." in world.tick()
    assert world.tick.cursor == cursor


def test_orphans_sensor_brings_its_job(world: World) -> None:
    assert world.tick.repository.get_job("reap").name == reap.name


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two targets of one site, and one of them in a second region, which is not enabled by default."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr(module, "_listing", SingleFlight())
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(instance, clock, (AWS, AWS_EU, EKS))


def reaped(world: World) -> list[str]:
    """The targets of this tick's requests."""
    return [each.run_config["ops"]["reap_endpoint"]["config"]["target"] for each in world.tick.requests]


def test_orphans_on_targets_of_one_cloud_are_separate(wide: World) -> None:
    wide.gateway.routes["m"] = Route("m", "1.0.0", {AWS: 1, EKS: 1}, {}, "{}")
    wide.endpoint(EKS, "0.9.0")
    wide.pass_time(GRACE_SECONDS)
    assert reaped(wide) == ["aws/eks"]
    assert wide.reap(wide.tick.requests[0]).success
    assert list(wide.targets[EKS].endpoints) == [endpoint_name("m", "1.0.0", "sandbox")]


def test_orphans_in_region_that_left_spec_and_route_are_removed(wide: World) -> None:
    wide.tick()
    wide.gateway.routes["m"] = Route("m", "1.0.0", {AWS: 1, EKS: 1}, {}, "{}")
    wide.pass_time(GRACE_SECONDS)
    assert reaped(wide) == ["aws/sagemaker@eu-west-1"]
    assert wide.reap(wide.tick.requests[0]).success
    wide.tick()
    assert "aws/sagemaker@eu-west-1" not in wide.tick.remembered()["targets"]  # it is empty


def test_orphans_on_target_not_enabled_are_unknown_and_the_others_found(world: World) -> None:
    adapters = dict(world.targets)
    for target in (AWS, GCP):
        world.endpoint(target, "0.9.0")
    world.tick()
    world.tick.resources["targets"] = MemoryTargets({GCP: adapters[GCP]})
    assert "aws/sagemaker is passed over: aws/sagemaker is not enabled." in world.tick()
    world.clock.now += GRACE_SECONDS
    world.tick()
    assert reaped(world) == ["gcp/cloud-run"]
    world.tick.resources["targets"] = MemoryTargets(adapters)
    world.tick()
    assert reaped(world) == ["aws/sagemaker"]  # its grace went on meanwhile


@pytest.mark.parametrize("why", ["routed", "champion", "no registry"])
def test_orphans_of_a_model_elsewhere_stay(world: World, why: str) -> None:
    """Another code location defines it: its model is on the gateway or has a champion."""
    world.endpoint(AWS, "0.9.0", "theirs")
    match why:
        case "routed":
            world.route("theirs", "1.0.0")
        case "champion":
            world.registry.known = {"theirs": "1.0.0"}
        case _:
            world.registry.known = None
    world.pass_time(10 * GRACE_SECONDS)
    assert not world.tick.requests


def test_orphans_of_a_model_nowhere_are_removed(world: World) -> None:
    world.endpoint(AWS, "0.9.0", "withdrawn")
    world.pass_time(GRACE_SECONDS)
    assert reaped(world) == ["aws/sagemaker"]


@pytest.mark.parametrize("cursor", ['{"targets": ["aws"]}', '{"targets": 1}', '{"targets": [], "a|b": 1}'])
def test_orphans_with_damaged_cursor_start_anew(world: World, cursor: str) -> None:
    world.tick.cursor = cursor
    assert world.tick() == "Every endpoint is in use."


STEPS = st.lists(
    st.sampled_from(["tick", "appear", "vanish", "use", "unuse", "restart", "garble", "gone", "back"]), max_size=30
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_orphans_are_requested_once_for_each_appearance(monkeypatch: pytest.MonkeyPatch, steps: list[str]) -> None:
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now))
    with dg.DagsterInstance.ephemeral() as instance:
        world, begun, used = World(instance, clock), 0, False
        for step in steps:
            clock.now += GRACE_SECONDS / 2
            match step:
                case "appear":
                    begun += endpoint_name("m", "2.0.0", "sandbox") not in world.targets[AWS].endpoints
                    world.endpoint(AWS, "2.0.0")
                case "vanish":
                    world.targets[AWS].endpoints.pop(endpoint_name("m", "2.0.0", "sandbox"), None)
                case "use" | "unuse":
                    begun += used and step == "unuse"
                    used = step == "use"
                    world.route("m", "2.0.0" if used else "1.0.0")
                case "garble":
                    begun += 1  # the memory of the request is lost: the job, which checks again, may be requested again
                    world.tick.cursor = '{"a": [}'
                case "gone" | "back":
                    world.targets[AWS].gone = step == "gone"
                case _:
                    world.tick()
                    for request in world.tick.requests:
                        version = "2-0-0" if "2-0-0" in str(request.run_key) else "1-0-0"
                        assert (version == "2-0-0") != used
        assert len([key for key in world.tick.keys if "aws/" in key and "2-0-0" in key]) <= begun
