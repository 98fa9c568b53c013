"""Outage → failover → restore: whatever dies and whenever, the end is the same."""

from typing import Any

from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import COLD, MODEL, NAME, DownRegistry, outage_and_back
from tests.failover_world import world as build


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
