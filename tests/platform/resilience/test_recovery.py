"""Recovery: the current version first, then traffic, then surge is scaled down."""

from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.resilience.orphans import Uses
from intermodal.platform.resilience.reconcile import reconcile_after_deploy
from intermodal.platform.resilience.recovery import recover
from intermodal.platform.targets import Target
from tests.failover_world import COLD, MODEL, NAME, World, spec_with
from tests.failover_world import world as build
from tests.targets import AWS, AZURE, GCP


def test_version_deployed_meanwhile_is_there_before_traffic() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.deploy("1.1.0", at.ports(kill=False).unavailable(MODEL))
    assert AWS not in at.gateway.routes[MODEL].weights
    at.revive("aws")
    shifts: list[tuple[bool, int]] = []
    shift, new = at.gateway.shift, endpoint_name(MODEL, "1.1.0", "sandbox")

    def watched(model: str, weights: Any, added: Any = ()) -> None:
        shifts.append((new in at.targets[AWS].endpoints, weights.get(AWS, 0)))
        shift(model, weights, added)

    at.gateway.shift = watched  # type: ignore[method-assign]
    at.settle()
    assert shifts[0] == (True, 0)
    assert all(current for current, weight in shifts if weight)
    assert {target: adapter.replicas for target, adapter in at.targets.items()} == {
        target: {new: 1} for target in at.targets
    }
    assert f"{MODEL}/1.1.0/{MANIFEST}" in at.stores[AWS.site].objects
    assert any("was left on aws/sagemaker" in entry.text for entry in at.incidents.all()[0].entries)


def another_version(at: World) -> str:
    """On AWS, beside the current one."""
    name = endpoint_name(MODEL, "1.1.0", "sandbox")
    at.targets[AWS].endpoints[name] = replace(at.targets[AWS].endpoints[NAME], name=name, version="1.1.0")
    return name


@pytest.mark.parametrize("deploying", [True, False])
def test_endpoint_of_a_running_deployment_is_not_removed(deploying: bool) -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    name = another_version(at)
    recover(replace(at.ports(), deploying=lambda _: deploying), at.spec, at.incidents.all()[0].id)
    assert set(at.targets[AWS].endpoints) == ({NAME, name} if deploying else {NAME})
    (incident,) = at.incidents.all()
    assert not incident.is_open
    (text,) = [entry.text for entry in incident.entries if entry.step == "reaped"]
    assert text == (
        f"{name} stays on aws/sagemaker: a run deploys flight_delay"
        if deploying
        else "nothing else runs on aws/sagemaker"
    )


@pytest.mark.parametrize(("fields", "target", "call"), [({}, AWS, "list"), (COLD, AZURE, "describe")])
def test_version_published_during_recovery_stays(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], target: Target, call: str
) -> None:
    at = build(**fields)
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    ask = getattr(at.targets[target], call)

    def deploying(*args: Any) -> Any:
        found = ask(*args)
        if at.gateway.routes[MODEL].version == "1.0.0":
            at.deploy("1.1.0")
            found = ask(*args) if call == "list" else found
        return found

    monkeypatch.setattr(at.targets[target], call, deploying)
    at.settle()
    assert at.gateway.routes[MODEL].version == "1.1.0"
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    serving = [adapter.replicas for name, adapter in at.targets.items() if name not in at.spec.cold_targets]
    assert serving == [{new: 1}] * len(serving)
    assert not at.incidents.all(open_only=True)


def test_surge_that_cannot_be_scaled_down_keeps_the_incident_open() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.targets[GCP].broken = "the container exited with 1"
    for _ in range(6):
        at.tick()
    assert at.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    (incident,) = at.incidents.all(open_only=True)
    assert "gcp/cloud-run: gcp/cloud-run: the container exited with 1" in incident.entries[-1].text
    assert at.targets[GCP].replicas == {NAME: 2}
    at.targets[GCP].broken = ""
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.targets[GCP].replicas == {NAME: 1}
    assert [notice.severity for notice in at.told] == ["page", "info", "info"]


def test_target_that_fails_during_recovery_recovers_later() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    invoke, share = at.targets[AWS].invoke, at.gateway.shift

    def shift(model: str, weights: Any, added: Any = ()) -> None:
        share(model, weights, added)
        if weights.get(AWS):
            at.kill_cloud("aws")  # right after it got its share back

    at.gateway.shift = shift  # type: ignore[method-assign]
    while not at.targets[AWS].gone:
        at.tick()
    at.gateway.shift = share  # type: ignore[method-assign]
    at.settle()
    incident = at.incidents.all()[0]
    assert incident.is_open
    assert incident.has("note", "again-1")
    assert incident.has("capacity", "1")
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    assert at.targets[GCP].replicas == {NAME: 2}
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert len(at.incidents.all()) == 1
    assert [notice.severity for notice in at.told] == ["page", "info", "info"]
    assert invoke is not None


def test_upstream_that_the_gateway_cannot_reach_gets_no_traffic() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.gateway.drills[AWS] = object()  # type: ignore[assignment]
    with pytest.raises(Unavailable, match="still gets no answer from aws/sagemaker"):
        recover(at.ports(), at.spec, at.incidents.all()[0].id)
    assert at.gateway.routes[MODEL].weights[AWS] == 0
    assert at.incidents.all()[0].is_open


def test_deleted_endpoint_is_deployed_anew() -> None:
    at = build()
    at.targets[GCP].delete(NAME)
    serves = at.gateway._serves
    at.gateway._serves = lambda target: serves(target) and NAME in at.targets[target].endpoints  # type: ignore[method-assign]
    at.settle()
    assert at.incidents.all(open_only=True)
    for _ in range(70):
        at.tick()
    assert at.targets[GCP].replicas == {NAME: 1}
    assert not at.incidents.all(open_only=True)


def skipped() -> World:
    """AWS came back, and its incident was closed, while 1.1.0 was deployed without it."""
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.deploy("1.1.0", at.ports(kill=False).unavailable(MODEL))
    at.revive("aws")
    at.incidents.close(at.incidents.all()[0].id, at.clock)
    at.told.clear()
    at.asked.clear()
    reconcile_after_deploy(at.ports(), at.spec, "1.1.0", frozenset({AWS}))
    return at


def test_skipped_target_recovers_without_a_failover() -> None:
    at = skipped()
    (incident,) = at.incidents.all(open_only=True)
    assert {entry.step: entry.text for entry in incident.entries if entry.step in ("drained", "capacity")} == {
        "drained": "no traffic to aws/sagemaker",
        "capacity": "gcp/cloud-run runs 2",
    }
    at.settle()
    assert at.asked == {"recover": 1}
    assert at.failures == []
    assert [(n.severity, n.title) for n in at.told] == [
        ("info", "aws/sagemaker came back while flight_delay 1.1.0 was deployed"),
        ("info", "aws/sagemaker serves flight_delay again"),
    ]
    assert at.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    assert [adapter.replicas for adapter in at.targets.values()] == [{new: 1}] * 3


def test_skipped_target_that_fails_during_recovery_pages() -> None:
    at = skipped()
    shift = at.gateway.shift

    def dying(model: str, weights: Any, added: Any = ()) -> None:
        shift(model, weights, added)
        at.kill_cloud("aws")

    at.gateway.shift = dying  # type: ignore[method-assign]
    while not at.targets[AWS].gone:
        at.tick()
    at.gateway.shift = shift  # type: ignore[method-assign]
    at.settle()
    assert [n.title for n in at.told if n.severity == "page"] == ["aws/sagemaker cannot serve flight_delay"]
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)


def test_target_that_left_the_spec_leaves_the_route_and_its_surge_ends() -> None:
    at = build()
    at.kill_cloud("gcp")
    at.settle()
    (surge,) = [target for target, adapter in at.targets.items() if 2 in adapter.replicas.values()]
    at.spec = spec_with(serve=["aws/sagemaker", "azure/ml"])
    at.revive("gcp")
    (incident,) = at.incidents.all()
    recover(at.ports(), at.spec, incident.id)
    assert at.gateway.routes[MODEL].weights == {AWS: 50, AZURE: 50}
    assert at.targets[surge].replicas == {NAME: 1}
    assert not at.incidents.all(open_only=True)
    assert at.told[-1].title == "gcp/cloud-run serves flight_delay no more"
    served = at.targets[GCP].endpoints[NAME]
    assert Uses({MODEL: at.gateway.routes[MODEL]}, {MODEL: "1.0.0"}, (), ()).use_of(served) == ""
