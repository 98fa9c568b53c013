"""A cloud that is back: the current version first, then its traffic, then nothing is left over."""

from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.resilience.orphans import Uses
from intermodal.platform.resilience.reconcile import reconcile_after_deploy
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import COLD, MODEL, NAME, World, spec_with
from tests.failover_world import world as build


def test_a_version_deployed_meanwhile_reaches_the_cloud_before_its_traffic_and_the_old_one_is_reaped() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.deploy("1.1.0", at.ports(kill=False).down(MODEL))
    assert "aws" not in at.gateway.routes[MODEL].weights
    at.revive("aws")
    shifts: list[tuple[bool, int]] = []
    shift, new = at.gateway.shift, endpoint_name(MODEL, "1.1.0", "sandbox")

    def watched(model: str, weights: Any, added: Any = ()) -> None:
        shifts.append((new in at.targets["aws"].endpoints, weights.get("aws", 0)))
        shift(model, weights, added)

    at.gateway.shift = watched  # type: ignore[method-assign]
    at.settle()
    assert shifts[0] == (True, 0)
    assert all(current for current, weight in shifts if weight)
    assert {cloud: target.replicas for cloud, target in at.targets.items()} == {c: {new: 1} for c in at.targets}
    assert f"{MODEL}/1.1.0/{MANIFEST}" in at.stores["aws"].objects
    assert any("was left on aws/sagemaker" in entry.text for entry in at.incidents.all()[0].entries)


def another_version(at: World) -> str:
    """On aws, beside the current one."""
    name = endpoint_name(MODEL, "1.1.0", "sandbox")
    at.targets["aws"].endpoints[name] = replace(at.targets["aws"].endpoints[NAME], name=name, version="1.1.0")
    return name


@pytest.mark.parametrize("deploying", [True, False])
def test_what_a_running_deploy_makes_is_not_removed(deploying: bool) -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    name = another_version(at)
    recover(replace(at.ports(), deploying=lambda _: deploying), at.spec, at.incidents.all()[0].id)
    assert set(at.targets["aws"].endpoints) == ({NAME, name} if deploying else {NAME})
    (incident,) = at.incidents.all()
    assert not incident.is_open
    (text,) = [entry.text for entry in incident.entries if entry.step == "reaped"]
    assert text == (
        f"{name} stays on aws/sagemaker: a run deploys flight_delay"
        if deploying
        else "nothing else runs on aws/sagemaker"
    )


@pytest.mark.parametrize(("fields", "cloud", "call"), [({}, "aws", "list"), (COLD, "azure", "describe")])
def test_a_version_that_is_published_meanwhile_stays(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], cloud: Any, call: str
) -> None:
    at = build(**fields)
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    ask = getattr(at.targets[cloud], call)

    def deploying(*args: Any) -> Any:
        found = ask(*args)
        if at.gateway.routes[MODEL].version == "1.0.0":
            at.deploy("1.1.0")
            found = ask(*args) if call == "list" else found
        return found

    monkeypatch.setattr(at.targets[cloud], call, deploying)
    at.settle()
    assert at.gateway.routes[MODEL].version == "1.1.0"
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    serving = [target.replicas for name, target in at.targets.items() if name not in at.spec.failover.cold]
    assert serving == [{new: 1}] * len(serving)
    assert not at.incidents.all(open_only=True)


def test_a_helper_that_cannot_go_back_is_not_forgotten() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.targets["gcp"].broken = "the container exited with 1"
    for _ in range(6):
        at.tick()
    assert at.gateway.routes[MODEL].weights == {"aws": 34, "gcp": 33, "azure": 33}
    (incident,) = at.incidents.all(open_only=True)
    assert "gcp: gcp/cloud-run: the container exited with 1" in incident.entries[-1].text
    assert at.targets["gcp"].replicas == {NAME: 2}
    at.targets["gcp"].broken = ""
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.targets["gcp"].replicas == {NAME: 1}
    assert [notice.severity for notice in at.told] == ["page", "info", "info"]


def test_a_cloud_that_dies_while_it_is_brought_back_gets_no_traffic_and_is_brought_back_later() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    invoke, share = at.targets["aws"].invoke, at.gateway.shift

    def shift(model: str, weights: Any, added: Any = ()) -> None:
        share(model, weights, added)
        if weights.get("aws"):
            at.kill_cloud("aws")  # right after it got its share back

    at.gateway.shift = shift  # type: ignore[method-assign]
    while not at.targets["aws"].gone:
        at.tick()
    at.gateway.shift = share  # type: ignore[method-assign]
    at.settle()
    incident = at.incidents.all()[0]
    assert incident.is_open
    assert incident.has("note", "again-1")
    assert incident.has("capacity", "1")
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 67, "azure": 33}
    assert at.targets["gcp"].replicas == {NAME: 2}
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert len(at.incidents.all()) == 1
    assert [notice.severity for notice in at.told] == ["page", "info", "info"]
    assert invoke is not None


def test_a_lane_that_the_gateway_cannot_reach_gets_no_traffic() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.gateway.drills["aws"] = object()  # type: ignore[assignment]
    with pytest.raises(Unavailable, match="still gets no answer from aws"):
        recover(at.ports(), at.spec, at.incidents.all()[0].id)
    assert at.gateway.routes[MODEL].weights["aws"] == 0
    assert at.incidents.all()[0].is_open


def test_an_endpoint_that_was_deleted_is_deployed_anew() -> None:
    at = build()
    at.targets["gcp"].delete(NAME)
    serves = at.gateway._serves
    at.gateway._serves = lambda cloud: serves(cloud) and NAME in at.targets[cloud].endpoints  # type: ignore[method-assign]
    at.settle()
    assert at.incidents.all(open_only=True)
    for _ in range(70):
        at.tick()
    assert at.targets["gcp"].replicas == {NAME: 1}
    assert not at.incidents.all(open_only=True)


def left_out() -> World:
    """AWS came back, and its incident was closed, while 1.1.0 was deployed without it."""
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.deploy("1.1.0", at.ports(kill=False).down(MODEL))
    at.revive("aws")
    at.incidents.close(at.incidents.all()[0].id, at.clock)
    at.told.clear()
    at.asked.clear()
    reconcile_after_deploy(at.ports(), at.spec, "1.1.0", frozenset({"aws"}))
    return at


def test_a_cloud_that_a_deploy_left_out_is_brought_back_and_not_failed_over() -> None:
    at = left_out()
    (incident,) = at.incidents.all(open_only=True)
    assert {entry.step: entry.text for entry in incident.entries if entry.step in ("drained", "capacity")} == {
        "drained": "no traffic to aws",
        "capacity": "gcp runs 2",
    }
    at.settle()
    assert at.asked == {"recover": 1}
    assert at.failures == []
    assert [(n.severity, n.title) for n in at.told] == [
        ("info", "aws came back while flight_delay 1.1.0 was deployed"),
        ("info", "aws serves flight_delay again"),
    ]
    assert at.gateway.routes[MODEL].weights == {"aws": 34, "gcp": 33, "azure": 33}
    new = endpoint_name(MODEL, "1.1.0", "sandbox")
    assert [place.replicas for place in at.targets.values()] == [{new: 1}] * 3


def test_a_cloud_that_was_left_out_and_dies_while_it_is_brought_back_wakes_somebody() -> None:
    at = left_out()
    shift = at.gateway.shift

    def dying(model: str, weights: Any, added: Any = ()) -> None:
        shift(model, weights, added)
        at.kill_cloud("aws")

    at.gateway.shift = dying  # type: ignore[method-assign]
    while not at.targets["aws"].gone:
        at.tick()
    at.gateway.shift = shift  # type: ignore[method-assign]
    at.settle()
    assert [n.title for n in at.told if n.severity == "page"] == ["aws cannot serve flight_delay"]
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 67, "azure": 33}
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)


def test_a_cloud_that_left_the_spec_during_its_incident_leaves_the_route_and_its_helper_rests() -> None:
    at = build()
    at.kill_cloud("gcp")
    at.settle()
    (helper,) = [cloud for cloud, target in at.targets.items() if 2 in target.replicas.values()]
    at.spec = spec_with(serve=["aws/sagemaker", "azure/ml"])
    at.revive("gcp")
    (incident,) = at.incidents.all()
    recover(at.ports(), at.spec, incident.id)
    assert at.gateway.routes[MODEL].weights == {"aws": 50, "azure": 50}
    assert at.targets[helper].replicas == {NAME: 1}
    assert not at.incidents.all(open_only=True)
    assert at.told[-1].title == "gcp serves flight_delay no more"
    served = at.targets["gcp"].endpoints[NAME]
    assert Uses({MODEL: at.gateway.routes[MODEL]}, {MODEL: "1.0.0"}, (), ()).use_of(served) == ""
