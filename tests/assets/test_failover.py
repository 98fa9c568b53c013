"""Outage → failover → restore: whatever dies and whenever, the end is the same."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intermodal.assets.outage import Outage, fail_over
from intermodal.assets.recovery import recover
from intermodal.assets.route import _settle
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import Unavailable
from intermodal.platform.incidents import Incident
from intermodal.platform.mirroring import MANIFEST
from tests.assets.conftest import World as DagsterWorld
from tests.assets.failover_world import MODEL, SILENT, DownRegistry, World
from tests.assets.failover_world import world as build

NAME = endpoint_name(MODEL, "1.0.0", "sandbox")
COLD = {"failover": {"cold": ["gcp"]}}


def outage_and_back(at: World, forget: int = -1, **_: Any) -> None:
    at.kill_cloud("aws")
    at.settle(forget=forget)
    at.revive("aws")
    at.settle(forget=forget)


def test_the_next_cloud_takes_over_and_gives_back() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    incident = at.incidents.all()[0]
    assert [(e.step, e.key) for e in incident.entries] == [
        ("detected", "0"),
        ("drained", "0"),
        ("told", "down"),
        ("told", "capacity"),
        ("capacity", "0"),
    ]
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 67, "azure": 33}
    assert at.targets["gcp"].replicas == {NAME: 2}
    assert at.targets["azure"].replicas == {NAME: 1}
    assert [(n.severity, n.title) for n in at.told] == [
        ("page", "aws cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws"),
    ]
    at.revive("aws")
    at.settle()
    incident = at.incidents.all()[0]
    assert not incident.is_open
    assert [e.step for e in incident.entries[5:]] == ["recovering", "current", "share back", "reaped", "told"]
    assert at.gateway.routes[MODEL].weights == {"aws": 34, "gcp": 33, "azure": 33}
    assert {cloud: target.replicas for cloud, target in at.targets.items()} == {c: {NAME: 1} for c in at.targets}
    assert [n.severity for n in at.told] == ["page", "info", "info"]
    assert at.asked == {"failover": 1, "recover": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Its traffic went to the other clouds; gcp will replace its capacity."),
        (
            {"serve": ["aws/sagemaker", "gcp/cloud-run"], "failover": {"cold": ["gcp"]}},
            "Nobody else serves it yet; gcp will replace its capacity.",
        ),
    ],
    ids=["warm", "only a cold one is left"],
)
def test_people_are_told_before_the_capacity_is_replaced(fields: dict[str, Any], said: str) -> None:
    at = build(**fields)
    deploy, texts = at.targets["gcp"].deploy, list[list[str]]()

    def deploying(request: Any) -> Any:
        texts.append([notice.text for notice in at.told])
        return deploy(request)

    at.targets["gcp"].deploy = deploying  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert texts[0] == [f"{said} Incident {at.incidents.all()[0].id}."]


def test_people_are_told_of_what_nobody_foresaw_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    at, outage = build(), Outage("flight_delay-aws-1", "aws", 1.0)
    at.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(at.gateway, "shift", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                fail_over(at.ports(), at.spec, outage)
    assert [notice.severity for notice in at.told] == ["page", "page"]
    assert "No space left on device" in at.told[0].text
    assert at.told[1].title == "flight_delay lacks the capacity of aws"
    fail_over(at.ports(), at.spec, outage)
    assert len({notice.key for notice in at.told}) == len(at.told) == 3


def test_people_are_told_even_if_nothing_can_be_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    at = build()
    at.kill_cloud("aws")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(at.incidents, "note", full)
    with pytest.raises(OSError, match="No space left"):
        fail_over(at.ports(), at.spec, Outage("flight_delay-aws-1", "aws", 1.0))
    assert [notice.title for notice in at.told] == ["aws cannot serve flight_delay"]


def test_traffic_goes_to_the_heir_when_it_has_the_replicas_and_not_before() -> None:
    at, seen = build(), list[Any]()
    shift = at.gateway.shift

    def shifted(model: str, weights: Any, added: Any = ()) -> None:
        seen.append((dict(weights), at.targets["gcp"].replicas[NAME]))
        shift(model, weights, added)

    at.gateway.shift = shifted  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert seen == [({"gcp": 50, "azure": 50}, 1), ({"gcp": 67, "azure": 33}, 2)]


def test_a_cold_cloud_is_started_from_its_mirror_and_stopped_again() -> None:
    at = build(**COLD)
    assert at.targets["gcp"].replicas == {}
    at.registry = DownRegistry()
    at.kill_cloud("aws")
    at.settle()
    assert at.targets["gcp"].replicas == {NAME: 1}
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 50, "azure": 50}
    at.revive("aws")
    at.settle()
    assert at.targets["gcp"].replicas == {}
    assert at.gateway.routes[MODEL].weights == {"aws": 50, "azure": 50}
    assert at.failures == []


def test_a_stated_weight_follows_the_capacity() -> None:
    at = build(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1, "azure": 0}})
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 4, "azure": 0}
    at.kill_cloud("gcp")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 0, "azure": 4}


def test_two_clouds_gone_and_back_one_after_the_other() -> None:
    at = build()
    at.kill_cloud("aws", "gcp")
    at.settle()
    assert at.targets["azure"].replicas == {NAME: 3}
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 0, "azure": 100}
    at.revive("gcp")
    at.settle()
    assert (at.targets["gcp"].replicas, at.targets["azure"].replicas) == ({NAME: 2}, {NAME: 1})
    at.revive("aws")
    at.settle()
    assert {cloud: target.replicas for cloud, target in at.targets.items()} == {c: {NAME: 1} for c in at.targets}
    assert not at.incidents.all(open_only=True)
    assert len({notice.key for notice in at.told}) == len(at.told)
    assert sum(notice.key.endswith(("-down", "-back")) for notice in at.told) == 4


def test_all_clouds_gone_leaves_the_weights_and_pages_people() -> None:
    at = build()
    at.kill_cloud("aws", "gcp", "azure")
    at.settle()
    assert len(at.incidents.all(open_only=True)) == 3
    assert sum(at.gateway.routes[MODEL].weights.values()) == 100
    left = dict(at.gateway.routes[MODEL].weights)
    at.settle()
    assert at.gateway.routes[MODEL].weights == left
    assert sum(notice.key.endswith("-down") for notice in at.told) == 3
    assert len({notice.key for notice in at.told}) == len(at.told)
    at.revive("azure")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "gcp": 0, "azure": 100}
    assert at.targets["azure"].replicas == {NAME: 3}
    at.revive("aws", "gcp")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.gateway.routes[MODEL].weights == {"aws": 34, "gcp": 33, "azure": 33}


def test_nothing_of_the_dead_cloud_and_nothing_of_mlflow_is_needed() -> None:
    at = build()
    at.registry = DownRegistry()
    at.kill_cloud("azure")
    at.settle()
    assert at.failures == []
    assert not any(call.startswith(("azure", "registry")) for call in at.killer.log)


def test_without_mlflow_a_lost_mirror_is_copied_from_a_cloud_that_lives() -> None:
    at = build()
    at.registry = DownRegistry()
    at.kill_cloud("aws")
    at.settle()
    at.stores["aws"].objects.clear()
    at.stores["gcp"].objects[f"{MODEL}/1.0.0/model.txt"] = b"damaged"
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.stores["aws"].objects == at.stores["azure"].objects


def test_a_damaged_mirror_is_made_whole_before_the_cloud_serves() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    del at.stores["aws"].objects[f"{MODEL}/1.0.0/model.txt"]
    at.revive("aws")
    at.settle()
    assert at.stores["aws"].objects == at.stores["gcp"].objects
    assert not at.incidents.all(open_only=True)


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


def test_a_cloud_that_refuses_is_passed_over_and_that_is_written_down() -> None:
    at = build()
    at.targets["gcp"].broken = "quota exceeded"
    at.kill_cloud("aws")
    at.settle()
    assert at.targets["azure"].replicas == {NAME: 2}
    (text,) = [entry.text for entry in at.incidents.all()[0].entries if entry.step == "capacity"]
    assert text == "azure runs 2; gcp could not: gcp/cloud-run: quota exceeded"
    at.targets["gcp"].broken = ""
    at.revive("aws")
    at.settle()
    assert {cloud: target.replicas for cloud, target in at.targets.items()} == {c: {NAME: 1} for c in at.targets}


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


def test_people_are_asked_about_a_helper_that_never_goes_back() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.targets["gcp"].broken = "the container exited with 1"
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert [notice.title for notice in at.told[2:]] == [
        "More of flight_delay than is needed runs on gcp",
        "aws serves flight_delay again",
    ]


def test_when_nobody_can_take_over_people_are_told_once_and_it_is_tried_again() -> None:
    at = build()
    at.targets["gcp"].broken = at.targets["azure"].broken = "quota exceeded"
    at.kill_cloud("aws")
    for _ in range(6):
        at.tick()
    assert len(at.failures) > 1
    assert [(notice.severity, notice.title) for notice in at.told] == [
        ("page", "aws cannot serve flight_delay"),
        ("page", "flight_delay lacks the capacity of aws"),
    ]
    assert "could not be replaced yet: azure/ml: quota exceeded" in at.told[1].text
    assert at.gateway.routes[MODEL].weights["aws"] == 0
    at.targets["gcp"].broken = ""
    at.settle()
    assert at.targets["gcp"].replicas == {NAME: 2}
    assert [notice.title for notice in at.told[2:]] == ["flight_delay has its capacity again without aws"]


def test_a_store_that_answers_500_does_not_stop_a_warm_cloud() -> None:
    at = build()
    at.stores["gcp"].failing = True
    at.kill_cloud("aws")
    at.settle()
    assert at.targets["gcp"].replicas == {NAME: 2}
    assert at.failures == []


def test_wrong_predictions_are_not_capacity() -> None:
    at = build(**COLD)
    at.targets["gcp"].invoke = lambda *_: b'{"outputs": [{"name": "late", "shape": [8], "data": [0,0,0,0,0,0,0,0]}]}'  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {"aws": 0, "azure": 100}
    assert at.targets["azure"].replicas == {NAME: 2}


def test_a_notifier_that_fails_stops_nothing_and_is_tried_again() -> None:
    at = build()
    at.notifier.failing = 3
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights["aws"] == 0
    assert at.asked["failover"] == 3
    assert [notice.key.rpartition("-")[2] for notice in at.told] == ["capacity", "down"]
    assert at.failures == []


def test_people_who_could_not_be_told_that_it_is_back_are_told_later() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 2
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.notifier.failing == 0
    assert [notice.title for notice in at.told[2:]] == ["aws serves flight_delay again"]
    assert at.asked["recover"] == 3


def test_an_incident_does_not_stay_open_because_nobody_can_ever_be_told() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.notifier.failing = 1000
    at.settle()
    (incident,) = at.incidents.all()
    assert not incident.is_open
    assert incident.has("note", "not-told-back")
    assert any("Nobody could be told that aws serves flight_delay again" in text for text in at.failures)


def test_that_nobody_is_configured_is_written_down() -> None:
    at = build()
    at.notifier.configured = False
    at.kill_cloud("aws")
    at.settle()
    told = next(entry for entry in at.incidents.all()[0].entries if entry.step == "told")
    assert told.text == "nobody is configured to be told: aws cannot serve flight_delay"
    assert at.asked["failover"] == 1


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


def test_people_are_told_once_of_a_recovery_that_keeps_failing() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    at.revive("aws")
    at.gateway.drills["aws"] = object()  # type: ignore[assignment]
    (incident,) = at.incidents.all()
    for number in range(5):
        with pytest.raises(Unavailable, match="still gets no answer from aws"):
            recover(at.ports(), at.spec, incident.id)
        fail_over(at.ports(), at.spec, Outage(incident.id, "aws", incident.opened_at))
        assert len(at.told) == (2 if number < 2 else 3)
    assert at.told[2].severity == "warning"
    assert at.told[2].title == "aws answers, but cannot be brought back to serve flight_delay"
    assert "failed 3 times" in at.told[2].text
    assert "still gets no answer from aws" in at.told[2].text


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


def test_another_onset_of_the_same_outage_is_the_same_incident() -> None:
    at = build()
    at.kill_cloud("aws")
    first = fail_over(at.ports(), at.spec, Outage("flight_delay-aws-1", "aws", 1.0))
    again = fail_over(at.ports(), at.spec, Outage("flight_delay-aws-9", "aws", 9.0))
    assert again.id == first.id
    assert len(at.incidents.all()) == 1


def test_a_late_run_of_a_closed_incident_does_nothing() -> None:
    at = build()
    outage_and_back(at)
    (incident,) = at.incidents.all()
    before = at.end()
    fail_over(at.ports(), at.spec, Outage(incident.id, "aws", incident.opened_at))
    recover(at.ports(), at.spec, incident.id)
    assert at.end() == before


def outage_config(cloud: str = "aws") -> dict[str, Any]:
    config = {"incident": f"wine-{cloud}-1000", "cloud": cloud, "onset": 1000.5}
    return {"ops": {"fail_over_wine": {"config": config}}}


def recovery_config(cloud: str = "aws") -> dict[str, Any]:
    return {"ops": {"bring_back_wine": {"config": {"incident": f"wine-{cloud}-1000"}}}}


def test_the_jobs_do_it_and_the_assets_say_so(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    route = world.metadata("route")
    assert (route["weight_aws"], route["weight_gcp"], route["clouds_away"]) == (0, 4, "aws")
    assert world.metadata("incidents")["open"] == 1
    assert "drained" in world.metadata("incidents")["timeline"]
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    assert world.metadata("route")["weight_aws"] == 3
    assert world.metadata("incidents")["open"] == 0
    assert world.metadata("endpoint", "aws")["state"] == "ready"


def test_the_job_leaves_what_a_running_deploy_makes(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    world.targets["aws"].gone = False
    name, new = (endpoint_name("wine", version, "sandbox") for version in ("1.0.0", "1.1.0"))
    world.targets["aws"].endpoints[new] = replace(world.targets["aws"].endpoints[name], name=new, version="1.1.0")
    world.instance.add_run(dg.DagsterRun(job_name="deploy_wine", status=dg.DagsterRunStatus.STARTED))
    assert job(world, "recover_wine", recovery_config())
    assert set(world.targets["aws"].endpoints) == {name, new}


def job(world: DagsterWorld, name: str, config: dict[str, Any]) -> bool:
    done = world.defs.resolve_job_def(name).execute_in_process(
        instance=world.instance, raise_on_error=False, run_config=config
    )
    return bool(done.success)


def test_a_new_version_is_deployed_without_the_cloud_that_is_away_and_reaches_it_later(world: DagsterWorld) -> None:
    assert world.run("train_and_deploy_wine").success
    world.targets["aws"].gone = True
    assert job(world, "failover_wine", outage_config())
    parameters: dict[str, Any] = {"wine__model": {"config": {"hyperparameters": {"max_depth": 6}}}}
    parameters["wine__route"] = {"config": {"drain_seconds": 0}}
    assert world.run("train_and_deploy_wine", {"ops": parameters}).success
    said = "not deployed: aws has an open incident wine-aws-1000"
    assert world.metadata("mirror", "aws")["state"] == said
    assert world.metadata("endpoint", "aws")["state"] == said
    assert world.metadata("endpoint", "gcp")["replicas"] == 2
    assert world.gateway.routes["wine"].weights == {"gcp": 4, "azure": 0}
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    new = endpoint_name("wine", "1.1.0", "sandbox")
    assert world.gateway.routes["wine"].weights == {"aws": 3, "gcp": 1, "azure": 0}
    assert [place.replicas for place in world.targets.values()] == [{new: 1}] * 3


def test_a_cloud_that_came_back_during_a_deploy_is_not_forgotten(
    world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.run("train_and_deploy_wine").success
    world.incidents.open(Incident("wine-aws-1000", "wine", "aws", 1000.5))
    publish = world.gateway.publish

    def closing(*route: Any) -> None:
        world.incidents.close("wine-aws-1000", 2000.0)
        publish(*route)

    monkeypatch.setattr(world.gateway, "publish", closing)
    assert world.run("deploy_wine").success
    (again,) = world.incidents.all("wine", open_only=True)
    assert again.cloud == "aws"
    assert "came back while 1.0.0 was deployed without it" in again.entries[0].text


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
    _settle(SimpleNamespace(log=SILENT), at.spec, at.ports(), "1.1.0", frozenset({"aws"}))  # type: ignore[arg-type]
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


def test_a_cold_cloud_that_a_deploy_has_woken_is_kept(
    cold_world: DagsterWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, new = cold_world, endpoint_name("wine", "1.0.0", "sandbox")
    assert world.run("train_and_deploy_wine").success
    assert world.targets["azure"].replicas == {}
    publish = world.gateway.publish

    def dying(*route: Any) -> None:
        publish(*route)
        world.targets["aws"].gone = True
        world.incidents.open(Incident("wine-aws-1000", "wine", "aws", 1000.5))

    with monkeypatch.context() as patch:
        patch.setattr(world.gateway, "publish", dying)
        assert world.run("deploy_wine", {"ops": {"wine__route": {"config": {"drain_seconds": 0}}}}).success
    assert world.gateway.routes["wine"].weights == {"aws": 0, "azure": 3, "gcp": 1}
    assert world.targets["azure"].replicas == {new: 1}
    world.targets["aws"].gone = False
    assert job(world, "recover_wine", recovery_config())
    assert world.targets["azure"].replicas == {}
    assert world.gateway.routes["wine"].weights == {"aws": 3, "gcp": 1}


def scenario(fields: dict[str, Any], second: bool, kills: list[tuple[int, bool]], forget: int = -1) -> World:
    """An outage (of two clouds when ``second``) and its end; the n-th phase is killed as the n-th of ``kills`` says."""
    at = build(**fields)
    clouds: tuple[Any, ...] = ("aws", "azure") if second else ("aws",)
    plan = [*kills, (0, False), (0, False)]
    at.kill_cloud(*clouds)
    at.killer.arm(*plan[0])
    at.settle(forget=forget)
    died = at.killer.died_at
    at.revive(*clouds)
    at.killer.arm(*plan[1])
    at.settle(forget=forget)
    at.killer.died_at = at.killer.died_at or died
    return at


CASES: list[tuple[dict[str, Any], bool]] = [({}, False), (COLD, False), ({}, True), (COLD, True)]


@pytest.mark.parametrize(("fields", "second"), CASES, ids=["warm", "cold", "two warm", "two with a cold one"])
@pytest.mark.parametrize("phase", [0, 1], ids=["failover", "recovery"])
def test_killed_at_any_call_the_end_is_the_same(fields: dict[str, Any], second: bool, phase: int) -> None:
    untouched = scenario(fields, second, [])
    wanted_end, calls = untouched.end(), len(untouched.killer.log)
    assert not untouched.incidents.all(open_only=True)
    for k in range(1, calls + 1):
        for after in (False, True):
            kills = [(0, False), (0, False)]
            kills[phase] = (k, after)
            at = scenario(fields, second, kills)
            assert at.end() == wanted_end, (k, after, at.killer.died_at)
            assert at.changes <= untouched.changes, (k, after, at.killer.died_at)
            repeated = len(at.told) - len(untouched.told)
            between = at.killer.died_at in ("after notifier.tell", "before incidents.note")
            assert repeated in ((0, 1) if between else (0,)), (k, after, at.killer.died_at)
        if not at.killer.died_at:
            break  # that phase has no such call


@cache
def untouched(cold: bool, second: bool) -> tuple[dict[str, Any], int]:
    at = scenario(COLD if cold else {}, second, [])
    return at.end(), at.changes


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.sampled_from(CASES),
    kills=st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=2, max_size=2),
    again=st.tuples(st.integers(1, 90), st.booleans()),
    forget=st.integers(-1, 8),
)
def test_killed_twice_and_forgetful_the_end_is_the_same(
    case: tuple[dict[str, Any], bool], kills: list[tuple[int, bool]], again: tuple[int, bool], forget: int
) -> None:
    fields, second = case
    wanted_end, changes = untouched(bool(fields), second)
    at = build(**fields)
    clouds: tuple[Any, ...] = ("aws", "azure") if second else ("aws",)
    for act, kill in ((at.kill_cloud, kills[0]), (at.revive, kills[1])):
        act(*clouds)
        at.killer.arm(*kill)
        for number in range(12):
            at.tick(forget=number == forget)
            if at.killer.died_at:
                at.killer.arm(*again)
                break
        at.settle(forget=forget)
        at.killer.arm(0, False)
    assert at.end() == wanted_end
    assert at.changes <= changes
