"""A cloud that helped out and could not be scaled back is scaled back later: once it can be, and nobody needs it."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.assets.ports import store_key, target_key
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.orphans import GRACE_SECONDS, helpers_left
from intermodal.sensors.orphans import orphans
from intermodal.sensors.toolkit import notifications
from tests.failover_world import MODEL, SPEC, World, package, spec_with
from tests.memory import MemoryDeployment
from tests.sensors.people import Slow
from tests.sensors.support import Ticks, routes

NOW = 1_795_000_000.0
NAME = endpoint_name(MODEL, "1.0.0", "sandbox")
module = import_module("intermodal.sensors.orphans")  # the package has the sensor under the same name


class Registry:
    def champions(self) -> dict[str, str]:
        return {MODEL: "1.0.0"}


class Left:
    """aws was away, gcp took over, aws came back; ``break_gcp`` is why gcp could not be scaled back then."""

    def __init__(self, instance: dg.DagsterInstance, clock: Any, spec: Any = SPEC) -> None:
        self.clock, self.instance, self.world = clock, instance, World(package(), spec)
        world = self.world
        world.kill_cloud("aws")
        world.settle()
        world.revive("aws")
        self.broken = world.targets["azure" if "azure" in spec.failover.cold else "gcp"]
        self._break(self.broken)
        while world.incidents.all(open_only=True):  # until the recovery gives it up
            world.tick()
        resources = {
            "deployment": MemoryDeployment(),
            "gateway": world.gateway,
            "incidents": world.incidents,
            "notifier": world.notifier,
            "registry": Registry(),
            **{target_key(place.target): place for place in world.targets.values()},
            **{store_key(cloud): store for cloud, store in world.stores.items()},
        }
        world.notifier.told.clear()
        self.tick = Ticks(orphans, resources, instance, assets=routes([spec]))

    def _break(self, place: Any) -> None:
        def refuse(*_: Any) -> Any:
            from intermodal.platform.errors import DeployFailed

            raise DeployFailed(f"{place.target}: no quota to change anything")

        place.deploy, place.delete = refuse, refuse

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

    def runs(self, cloud: str) -> int:
        return self.world.targets[cloud].replicas.get(NAME, 0)  # type: ignore[index]

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


def test_it_is_scaled_back_after_the_grace_and_then_forgotten(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    assert left.runs("gcp") == 2
    left.mend()
    assert f"{MODEL} on gcp/cloud-run may run more than its spec says" in left.tick()
    assert not left.tick.requests
    requests = left.later()
    assert all(map(left.reap, requests))
    assert [left.runs(cloud) for cloud in ("aws", "gcp", "azure")] == [1, 1, 1]
    assert left.tick() == "Every endpoint is in use."
    changes = left.world.changes
    assert all(map(left.reap, requests))  # again changes nothing
    assert left.world.changes == changes


def test_while_it_cannot_be_it_is_tried_again_and_people_are_told_once(
    clock: Any, instance: dg.DagsterInstance
) -> None:
    left = Left(instance, clock)
    for _ in range(4):
        for request in left.later():
            assert left.reap(request) == ("azure" in str(request.run_key))
    assert len([key for key in left.tick.keys if "gcp" in key]) == 4
    assert len([key for key in left.tick.keys if "azure" in key]) == 1
    assert [one.title for one in left.world.told] == [f"{MODEL} on gcp/cloud-run may run more than its spec says"]
    left.mend()
    (request,) = left.later()
    assert left.reap(request)
    assert left.runs("gcp") == 1


def test_people_who_hang_keep_no_helper_from_being_scaled_back(
    clock: Any, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, people = Left(instance, clock), Slow()
    left.tick.resources["notifier"] = people
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "SECONDS", 0.01)
        for _ in range(2):
            assert "gcp" in "".join(str(request.run_key) for request in left.later())
        assert not left.tick().startswith("Every")
    people.allow(2)  # nor could azure be
    for _ in range(2):
        left.tick()  # not due, and what came of the telling is remembered even so
    left.later()
    assert len(people.told) == len(people.begun) == 2


def test_a_cold_cloud_rests_by_running_nothing(clock: Any, instance: dg.DagsterInstance) -> None:
    cold = spec_with(failover={"order": ["aws", "azure", "gcp"], "cold": ["azure"]})
    left = Left(instance, clock, cold)
    assert left.runs("azure") == 1
    left.mend()
    assert all(map(left.reap, left.later()))
    assert [left.runs(cloud) for cloud in ("aws", "gcp", "azure")] == [1, 1, 0]


@pytest.mark.parametrize("why", ["an incident", "a run", "no route"])
def test_a_helper_that_may_be_needed_stays(clock: Any, instance: dg.DagsterInstance, why: str) -> None:
    left = Left(instance, clock)
    left.mend()
    match why:
        case "an incident":
            left.world.incidents.open(Incident("again", MODEL, "azure", NOW))
        case "a run":
            run = dg.DagsterRun(job_name=f"deploy_{MODEL}", tags={"model": MODEL}, status=dg.DagsterRunStatus.STARTED)
            instance.add_run(run)
        case _:
            left.world.gateway.routes.clear()
    assert not left.later()
    assert left.runs("gcp") == 2


def test_the_job_looks_again(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    left.mend()
    requests = left.later()
    left.world.incidents.open(Incident("again", MODEL, "aws", NOW))
    assert all(map(left.reap, requests))
    assert left.runs("gcp") == 2


def test_a_cloud_that_does_not_answer_is_not_asked(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    left.world.kill_cloud("gcp")
    assert not [one for one in left.later() if "gcp" in str(one.run_key)]
    left.world.revive("gcp")
    left.mend()
    assert all(map(left.reap, left.later()))
    assert left.runs("gcp") == 1


def test_what_the_recovery_notes_is_what_is_looked_for(clock: Any, instance: dg.DagsterInstance) -> None:
    left = Left(instance, clock)
    found = helpers_left(left.world.incidents.all(), ())
    assert [(one.model, one.cloud) for one in found] == [(MODEL, "gcp"), (MODEL, "azure")]
    assert helpers_left(left.world.incidents.all(), (MODEL,)) == ()
    assert isinstance(left.world.gateway.route(MODEL), Route)
