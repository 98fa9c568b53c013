"""Surge replicas that could not be scaled down are scaled down later: once that is possible, and nothing needs them."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import DeployFailed
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.registry import Identity
from intermodal.platform.resilience.orphans import GRACE_SECONDS, Surge, surges_left
from intermodal.platform.targets import Target
from intermodal.sensors.orphans import orphans
from intermodal.sensors.toolkit import notifications
from tests.failover_world import MODEL, SPEC, World, package, spec_with
from tests.memory import MemoryDeployment, MemoryImages, MemoryNotifications, MemoryStores, MemoryTargets
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, routes
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP, TARGETS

NOW = 1_795_000_000.0
NAME = endpoint_name(MODEL, "1.0.0", "sandbox")
module = import_module("intermodal.sensors.orphans")  # the package has the sensor under the same name


class Registry:
    def champions(self) -> dict[str, Identity]:
        return {MODEL: Identity("1.0.0")}


class Left:
    """AWS failed, its successor took over, AWS came back; then the ``broken`` successor could not be scaled down."""

    def __init__(self, instance: dg.DagsterInstance, clock: Any, spec: Any = SPEC, broken: Target = GCP) -> None:
        self.clock, self.instance, self.world = clock, instance, World(package(), spec)
        world = self.world
        world.kill_cloud("aws/sagemaker")
        world.run_until_stable()
        world.revive("aws/sagemaker")
        self.broken = world.targets[broken]
        self._break(self.broken)
        while world.incidents.all(open_only=True):  # until the recovery gives it up
            world.tick()
        resources = {
            "deployment": MemoryDeployment(),
            "gateway": world.gateway,
            "incidents": world.incidents,
            "notifications": MemoryNotifications(world.notifier),
            "registry": Registry(),
            "targets": MemoryTargets(world.targets),
            "images": MemoryImages(),
            "stores": MemoryStores(world.stores),
        }
        world.notifier.sent.clear()
        self.tick = Ticks(orphans, resources, instance, assets=routes([spec]))

    def _break(self, adapter: Any) -> None:
        def refuse(*_: Any) -> Any:
            raise DeployFailed(f"{adapter.target}: no quota to change anything")

        adapter.deploy, adapter.delete = refuse, refuse

    def mend(self) -> None:
        del self.broken.deploy, self.broken.delete

    def reap(self, request: dg.RunRequest) -> bool:
        return (
            self.tick.repository.get_job("reap")
            .execute_in_process(
                run_config=request.run_config, tags=request.tags, instance=self.instance, raise_on_error=False
            )
            .success
        )

    def runs(self, *targets: Target) -> list[int]:
        return [self.world.targets[target].replicas.get(NAME, 0) for target in targets]

    def later(self) -> list[dg.RunRequest]:
        self.tick()
        self.clock.now += GRACE_SECONDS
        self.tick()
        return self.tick.requests


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = SimpleNamespace(now=NOW)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: found.now))
    return found


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_surge_is_scaled_down_after_the_grace_and_forgotten(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    assert left.runs(GCP) == [2]
    left.mend()
    assert f"{MODEL} on gcp/cloud-run may run more than its spec says" in left.tick()
    assert not left.tick.requests
    requests = left.later()
    assert all(map(left.reap, requests))
    assert left.runs(*TARGETS) == [1, 1, 1]
    assert left.tick() == "Every endpoint is in use."
    changes = left.world.changes
    assert all(map(left.reap, requests))  # again changes nothing
    assert left.world.changes == changes


def test_surge_that_cannot_be_scaled_down_is_notified_once(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    for _ in range(4):
        for request in left.later():
            assert left.reap(request) == ("azure" in str(request.run_key))
    assert len([key for key in left.tick.keys if "gcp" in key]) == 4
    assert len([key for key in left.tick.keys if "azure" in key]) == 1
    assert [notice.title for notice in left.world.notices] == [
        f"{MODEL} on gcp/cloud-run may run more than its spec says"
    ]
    left.mend()
    (request,) = left.later()
    assert left.reap(request)
    assert left.runs(GCP) == [1]


def test_surge_with_hanging_notifier_is_scaled_down(
    clock: Any, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, people = Left(instance, clock), Slow()
    left.tick.resources["notifications"] = MemoryNotifications(people)
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        for _ in range(2):
            assert "gcp/" in "".join(str(request.run_key) for request in left.later())
        assert not left.tick().startswith("Every")
    people.allow(2)  # nor could azure be
    for _ in range(2):
        left.tick()  # not due, and the outcome of the notification is remembered even so
    left.later()
    assert len(people.sent) == len(people.begun) == 2


def test_surge_on_cold_target_is_removed(clock: Any, instance: dg.DagsterInstance) -> None:
    cold = spec_with(failover={"order": ["aws", "azure", "gcp"], "cold": ["azure"]})
    left = Left(instance, clock, cold, AZURE)
    assert left.runs(AZURE) == [1]
    left.mend()
    assert all(map(left.reap, left.later()))
    assert left.runs(*TARGETS) == [1, 1, 0]


@pytest.mark.parametrize("why", ["an incident", "a run", "no route"])
def test_surge_that_may_be_needed_stays(clock: Any, instance: dg.DagsterInstance, why: str) -> None:
    left = Left(instance, clock)
    left.mend()
    match why:
        case "an incident":
            left.world.incidents.open(Incident("again", MODEL, AZURE, NOW))
        case "a run":
            run = dg.DagsterRun(job_name=f"deploy_{MODEL}", tags={"model": MODEL}, status=dg.DagsterRunStatus.STARTED)
            instance.add_run(run)
        case _:
            left.world.gateway.routes.clear()
    assert not left.later()
    assert left.runs(GCP) == [2]


def test_reap_of_needed_surge_changes_nothing(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    left.mend()
    requests = left.later()
    left.world.incidents.open(Incident("again", MODEL, AWS, NOW))
    assert all(map(left.reap, requests))
    assert left.runs(GCP) == [2]


def test_surge_on_silent_target_is_scaled_down_later(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    left.world.kill_cloud("gcp")
    assert not [each for each in left.later() if "gcp" in str(each.run_key)]
    left.world.revive("gcp")
    left.mend()
    assert all(map(left.reap, left.later()))
    assert left.runs(GCP) == [1]


def test_surges_left_finds_what_the_recovery_notes(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    (incident,), targets = left.world.incidents.all(), {MODEL: SPEC.targets}
    found = surges_left([incident], (), targets)
    assert found == (Surge(MODEL, GCP, incident.id), Surge(MODEL, AZURE, incident.id))
    assert surges_left([incident], (MODEL,), targets) == surges_left([incident], (), {}) == ()
    assert isinstance(left.world.gateway.route(MODEL), Route)


def test_surge_on_targets_of_one_cloud_are_separate(clock: Any, instance: dg.DagsterInstance) -> None:
    wide = spec_with(serve=[str(target) for target in (AWS, EKS, AWS_EU)])
    left = Left(instance, clock, wide, AWS_EU)  # of another site than the target that failed
    assert left.runs(AWS, EKS, AWS_EU) == [1, 1, 2]
    left.mend()
    requests = left.later()
    assert [request.run_config["ops"]["reap_endpoint"]["config"]["target"] for request in requests] == [
        "aws/eks",
        str(AWS_EU),
    ]
    assert all(map(left.reap, requests))
    assert left.runs(AWS, EKS, AWS_EU) == [1, 1, 1]
    assert left.tick() == "Every endpoint is in use."


def test_surge_of_a_model_elsewhere_is_left_alone(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    left.mend()
    other = Ticks(orphans, left.tick.resources, instance)  # a code location without the model
    left.tick = other
    assert not left.later()
    assert left.runs(GCP) == [2]
