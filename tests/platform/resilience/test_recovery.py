"""Recovery: the current version first, then traffic, then surge is scaled down."""

from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Canary
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.resilience.orphans import Uses
from intermodal.platform.resilience.reconcile import reconcile_after_deploy
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.targets import Target
from tests.failover_world import COLD, MODEL, NAME, World, build_world, spec_with
from tests.targets import AWS, AZURE, GCP


def test_version_deployed_meanwhile_is_there_before_traffic() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.deploy("1.1.0", world.ports(kill=False).unavailable(MODEL))
    assert AWS not in world.gateway.routes[MODEL].weights
    world.revive("aws")
    shifts: list[tuple[bool, int]] = []
    shift, new = world.gateway.shift, endpoint_name(MODEL, "1.1.0", "sandbox")

    def watched(model: str, weights: Any, added: Any = ()) -> None:
        shifts.append((new in world.targets[AWS].endpoints, weights.get(AWS, 0)))
        shift(model, weights, added)

    world.gateway.shift = watched  # type: ignore[method-assign]
    world.run_until_stable()
    assert shifts[0] == (True, 0)
    assert all(current for current, weight in shifts if weight)
    assert {target: adapter.replicas for target, adapter in world.targets.items()} == {
        target: {new: 1} for target in world.targets
    }
    assert f"{MODEL}/1.1.0/{MANIFEST}" in world.stores[AWS.site].objects
    assert any("was left on aws/sagemaker" in entry.text for entry in world.incidents.all()[0].entries)


def another_version(world: World) -> str:
    """On AWS, beside the current one."""
    name = endpoint_name(MODEL, "1.1.0", "sandbox")
    world.targets[AWS].endpoints[name] = replace(world.targets[AWS].endpoints[NAME], name=name, version="1.1.0")
    return name


@pytest.mark.parametrize("deploying", [True, False])
def test_endpoint_of_a_running_deployment_is_not_removed(deploying: bool) -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    name = another_version(world)
    recover(replace(world.ports(), deploying=lambda _: deploying), world.spec, world.incidents.all()[0].id)
    assert set(world.targets[AWS].endpoints) == ({NAME, name} if deploying else {NAME})
    (incident,) = world.incidents.all()
    assert not incident.is_open
    (text,) = [entry.text for entry in incident.entries if entry.step == "reaped"]
    assert text == (
        f"{name} stays on aws/sagemaker: a run deploys flight_delay"
        if deploying
        else "nothing else runs on aws/sagemaker"
    )


def test_endpoint_of_the_canary_is_not_removed() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    name, route = another_version(world), world.gateway.routes[MODEL]
    upstreams = [replace(upstream, version="1.1.0") for upstream in world.gateway.held[MODEL].values()]
    world.gateway.split(MODEL, Canary(replace(route, version="1.1.0"), 5), upstreams)
    recover(world.ports(), world.spec, world.incidents.all()[0].id)
    assert set(world.targets[AWS].endpoints) == {NAME, name}
    (text,) = [entry.text for entry in world.incidents.all()[0].entries if entry.step == "reaped"]
    assert text == f"{name} stays on aws/sagemaker: it gets a share of the requests"


@pytest.mark.parametrize(("fields", "target", "call"), [({}, AWS, "list"), (COLD, AZURE, "describe")])
def test_version_published_during_recovery_stays(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], target: Target, call: str
) -> None:
    world = build_world(**fields)
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    call_cloud = getattr(world.targets[target], call)

    def deploying(*args: Any) -> Any:
        found = call_cloud(*args)
        if world.gateway.routes[MODEL].version == "1.0.0":
            world.deploy("1.1.0")
            found = call_cloud(*args) if call == "list" else found
        return found

    monkeypatch.setattr(world.targets[target], call, deploying)
    world.run_until_stable()
    assert world.gateway.routes[MODEL].version == "1.1.0"
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    serving = [adapter.replicas for name, adapter in world.targets.items() if name not in world.spec.cold_targets]
    assert serving == [{new: 1}] * len(serving)
    assert not world.incidents.all(open_only=True)


def test_surge_that_cannot_be_scaled_down_keeps_the_incident_open() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.targets[GCP].broken = "the container exited with 1"
    for _ in range(6):
        world.tick()
    assert world.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    (incident,) = world.incidents.all(open_only=True)
    assert "gcp/cloud-run: gcp/cloud-run: the container exited with 1" in incident.entries[-1].text
    assert world.targets[GCP].replicas == {NAME: 2}
    world.targets[GCP].broken = ""
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert world.targets[GCP].replicas == {NAME: 1}
    assert [notice.severity for notice in world.notices] == ["page", "info", "info"]


def test_target_that_fails_during_recovery_recovers_later() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    invoke, share = world.targets[AWS].invoke, world.gateway.shift

    def shift(model: str, weights: Any, added: Any = ()) -> None:
        share(model, weights, added)
        if weights.get(AWS):
            world.kill_cloud("aws")  # right after it got its share back

    world.gateway.shift = shift  # type: ignore[method-assign]
    while not world.targets[AWS].gone:
        world.tick()
    world.gateway.shift = share  # type: ignore[method-assign]
    world.run_until_stable()
    incident = world.incidents.all()[0]
    assert incident.is_open
    assert incident.has("note", "again-1")
    assert incident.has("capacity", "1")
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    assert world.targets[GCP].replicas == {NAME: 2}
    world.revive("aws")
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert len(world.incidents.all()) == 1
    assert [notice.severity for notice in world.notices] == ["page", "info", "info"]
    assert invoke is not None


def test_upstream_that_the_gateway_cannot_reach_gets_no_traffic() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.revive("aws")
    world.gateway.drills[AWS] = object()  # type: ignore[assignment]
    with pytest.raises(Unavailable, match="still gets no answer from aws/sagemaker"):
        recover(world.ports(), world.spec, world.incidents.all()[0].id)
    assert world.gateway.routes[MODEL].weights[AWS] == 0
    assert world.incidents.all()[0].is_open


def test_deleted_endpoint_is_deployed_anew() -> None:
    world = build_world()
    world.targets[GCP].delete(NAME)
    serves = world.gateway._serves
    world.gateway._serves = lambda target: serves(target) and NAME in world.targets[target].endpoints  # type: ignore[method-assign]
    world.run_until_stable()
    assert world.incidents.all(open_only=True)
    for _ in range(70):
        world.tick()
    assert world.targets[GCP].replicas == {NAME: 1}
    assert not world.incidents.all(open_only=True)


def skipped() -> World:
    """AWS came back, and its incident was closed, while 1.1.0 was deployed without it."""
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.deploy("1.1.0", world.ports(kill=False).unavailable(MODEL))
    world.revive("aws")
    world.incidents.close(world.incidents.all()[0].id, world.clock)
    world.notices.clear()
    world.requested.clear()
    reconcile_after_deploy(world.ports(), world.spec, "1.1.0", frozenset({AWS}))
    return world


def test_skipped_target_recovers_without_a_failover() -> None:
    world = skipped()
    (incident,) = world.incidents.all(open_only=True)
    assert {entry.step: entry.text for entry in incident.entries if entry.step in ("drained", "capacity")} == {
        "drained": "no traffic to aws/sagemaker",
        "capacity": "gcp/cloud-run runs 2",
    }
    world.run_until_stable()
    assert world.requested == {"recover": 1}
    assert world.failures == []
    assert [(n.severity, n.title) for n in world.notices] == [
        ("info", "aws/sagemaker came back while flight_delay 1.1.0 was deployed"),
        ("info", "aws/sagemaker serves flight_delay again"),
    ]
    assert world.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    assert [adapter.replicas for adapter in world.targets.values()] == [{new: 1}] * 3


def test_skipped_target_that_left_the_spec_gets_no_incident() -> None:
    """Its incident was closed by an eviction: no notice says that it will serve the new version."""
    world = build_world()
    world.spec = spec_with(serve=["gcp/cloud-run", "azure/ml"])
    reconcile_after_deploy(world.ports(), world.spec, "1.0.0", frozenset({AWS}))
    assert not world.incidents.all()
    assert world.notices == []


def test_skipped_target_that_fails_during_recovery_pages() -> None:
    world = skipped()
    shift = world.gateway.shift

    def dying(model: str, weights: Any, added: Any = ()) -> None:
        shift(model, weights, added)
        world.kill_cloud("aws")

    world.gateway.shift = dying  # type: ignore[method-assign]
    while not world.targets[AWS].gone:
        world.tick()
    world.gateway.shift = shift  # type: ignore[method-assign]
    world.run_until_stable()
    assert [n.title for n in world.notices if n.severity == "page"] == ["aws/sagemaker cannot serve flight_delay"]
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    world.revive("aws")
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)


def test_target_that_left_the_spec_leaves_the_route_and_its_surge_ends() -> None:
    world = build_world()
    world.kill_cloud("gcp")
    world.run_until_stable()
    (surge,) = [target for target, adapter in world.targets.items() if 2 in adapter.replicas.values()]
    world.spec = spec_with(serve=["aws/sagemaker", "azure/ml"])
    world.revive("gcp")
    (incident,) = world.incidents.all()
    recover(world.ports(), world.spec, incident.id)
    assert world.gateway.routes[MODEL].weights == {AWS: 50, AZURE: 50}
    assert world.targets[surge].replicas == {NAME: 1}
    assert not world.incidents.all(open_only=True)
    assert world.notices[-1].title == "gcp/cloud-run serves flight_delay no more"
    served = world.targets[GCP].endpoints[NAME]
    assert Uses({MODEL: world.gateway.routes[MODEL]}, {MODEL: "1.0.0"}, (), ()).use_of(served) == ""
