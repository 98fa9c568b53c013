"""Outage, failover and recovery of one model, with the ports in memory."""

from typing import Any

from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import COLD, MODEL, NAME, DownRegistry, outage_and_back
from tests.failover_world import world as build
from tests.targets import AWS, AZURE, GCP


def test_successor_takes_over_and_gives_back() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    incident = at.incidents.all()[0]
    assert [(e.step, e.key) for e in incident.entries] == [
        ("detected", "0"),
        ("drained", "0"),
        ("notified", "down"),
        ("notified", "capacity"),
        ("capacity", "0"),
    ]
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    assert at.targets[GCP].replicas == {NAME: 2}
    assert at.targets[AZURE].replicas == {NAME: 1}
    assert [(n.severity, n.title) for n in at.told] == [
        ("page", "aws/sagemaker cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/sagemaker"),
    ]
    at.revive("aws")
    at.settle()
    incident = at.incidents.all()[0]
    assert not incident.is_open
    assert [e.step for e in incident.entries[5:]] == ["recovering", "current", "share back", "reaped", "notified"]
    assert at.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    assert {target: adapter.replicas for target, adapter in at.targets.items()} == {
        target: {NAME: 1} for target in at.targets
    }
    assert [n.severity for n in at.told] == ["page", "info", "info"]
    assert at.asked == {"failover": 1, "recover": 1}


def test_traffic_shifts_to_the_successor_after_its_replicas_run() -> None:
    at, seen = build(), list[Any]()
    shift = at.gateway.shift

    def shifted(model: str, weights: Any, added: Any = ()) -> None:
        seen.append((dict(weights), at.targets[GCP].replicas[NAME]))
        shift(model, weights, added)

    at.gateway.shift = shifted  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert seen == [({GCP: 50, AZURE: 50}, 1), ({GCP: 67, AZURE: 33}, 2)]


def test_cold_target_starts_from_its_mirror_and_stops_after_recovery() -> None:
    at = build(**COLD)
    assert at.targets[GCP].replicas == {}
    at.registry = DownRegistry()
    at.kill_cloud("aws")
    at.settle()
    assert at.targets[GCP].replicas == {NAME: 1}
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 50, AZURE: 50}
    at.revive("aws")
    at.settle()
    assert at.targets[GCP].replicas == {}
    assert at.gateway.routes[MODEL].weights == {AWS: 50, AZURE: 50}
    assert at.failures == []


def test_stated_weight_follows_the_capacity() -> None:
    at = build(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1, "azure": 0}})
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 4, AZURE: 0}
    at.kill_cloud("gcp")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 4}


def test_two_clouds_fail_and_recover_one_after_the_other() -> None:
    at = build()
    at.kill_cloud("aws", "gcp")
    at.settle()
    assert at.targets[AZURE].replicas == {NAME: 3}
    assert at.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 100}
    at.revive("gcp")
    at.settle()
    assert (at.targets[GCP].replicas, at.targets[AZURE].replicas) == ({NAME: 2}, {NAME: 1})
    at.revive("aws")
    at.settle()
    assert {target: adapter.replicas for target, adapter in at.targets.items()} == {
        target: {NAME: 1} for target in at.targets
    }
    assert not at.incidents.all(open_only=True)
    assert len({notice.key for notice in at.told}) == len(at.told)
    assert sum(notice.key.endswith(("-down", "-back")) for notice in at.told) == 4


def test_failover_calls_neither_the_failed_cloud_nor_the_registry() -> None:
    at = build()
    at.registry = DownRegistry()
    at.kill_cloud("azure")
    at.settle()
    assert at.failures == []
    assert not any(call.startswith(("azure", "registry")) for call in at.killer.log)


def test_lost_mirror_without_registry_is_copied_from_another_site() -> None:
    at = build()
    at.registry = DownRegistry()
    at.kill_cloud("aws")
    at.settle()
    at.stores[AWS.site].objects.clear()
    at.stores[GCP.site].objects[f"{MODEL}/1.0.0/model.txt"] = b"damaged"
    at.revive("aws")
    at.settle()
    assert not at.incidents.all(open_only=True)
    assert at.stores[AWS.site].objects == at.stores[AZURE.site].objects


def test_damaged_mirror_is_repaired_before_the_target_serves() -> None:
    at = build()
    at.kill_cloud("aws")
    at.settle()
    del at.stores[AWS.site].objects[f"{MODEL}/1.0.0/model.txt"]
    at.revive("aws")
    at.settle()
    assert at.stores[AWS.site].objects == at.stores[GCP.site].objects
    assert not at.incidents.all(open_only=True)


def test_target_that_refuses_is_passed_over_with_the_reason_noted() -> None:
    at = build()
    at.targets[GCP].broken = "quota exceeded"
    at.kill_cloud("aws")
    at.settle()
    assert at.targets[AZURE].replicas == {NAME: 2}
    (text,) = [entry.text for entry in at.incidents.all()[0].entries if entry.step == "capacity"]
    assert text == "azure/ml runs 2; gcp/cloud-run could not: gcp/cloud-run: quota exceeded"
    at.targets[GCP].broken = ""
    at.revive("aws")
    at.settle()
    assert {target: adapter.replicas for target, adapter in at.targets.items()} == {
        target: {NAME: 1} for target in at.targets
    }


def test_failing_store_does_not_stop_a_warm_target() -> None:
    at = build()
    at.stores[GCP.site].failing = True
    at.kill_cloud("aws")
    at.settle()
    assert at.targets[GCP].replicas == {NAME: 2}
    assert at.failures == []


def test_wrong_predictions_are_not_capacity() -> None:
    at = build(**COLD)
    at.targets[GCP].invoke = lambda *_: b'{"outputs": [{"name": "late", "shape": [8], "data": [0,0,0,0,0,0,0,0]}]}'  # type: ignore[method-assign]
    at.kill_cloud("aws")
    at.settle()
    assert at.gateway.routes[MODEL].weights == {AWS: 0, AZURE: 100}
    assert at.targets[AZURE].replicas == {NAME: 2}


def test_another_onset_of_an_outage_is_the_same_incident() -> None:
    at = build()
    at.kill_cloud("aws")
    first = fail_over(at.ports(), at.spec, Outage("flight_delay-aws.sagemaker-1", AWS, 1.0))
    again = fail_over(at.ports(), at.spec, Outage("flight_delay-aws.sagemaker-9", AWS, 9.0))
    assert again.id == first.id
    assert len(at.incidents.all()) == 1


def test_late_run_of_a_closed_incident_changes_nothing() -> None:
    at = build()
    outage_and_back(at)
    (incident,) = at.incidents.all()
    before = at.end()
    fail_over(at.ports(), at.spec, Outage(incident.id, AWS, incident.opened_at))
    recover(at.ports(), at.spec, incident.id)
    assert at.end() == before
