"""Outage, failover and recovery of one model, with the ports in memory."""

from typing import Any

from intermodal.platform.resilience.failover import Outage, fail_over
from intermodal.platform.resilience.recovery import recover
from tests.failover_world import COLD, MODEL, NAME, DownRegistry, build_world, outage_and_back
from tests.targets import AWS, AZURE, GCP


def test_successor_takes_over_and_gives_back() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    incident = world.incidents.all()[0]
    assert [(e.step, e.key) for e in incident.entries] == [
        ("detected", "0"),
        ("drained", "0"),
        ("notified", "down"),
        ("notified", "capacity"),
        ("capacity", "0"),
    ]
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 67, AZURE: 33}
    assert world.targets[GCP].replicas == {NAME: 2}
    assert world.targets[AZURE].replicas == {NAME: 1}
    assert [(n.severity, n.title) for n in world.notices] == [
        ("page", "aws/sagemaker cannot serve flight_delay"),
        ("info", "flight_delay has its capacity again without aws/sagemaker"),
    ]
    world.revive("aws")
    world.run_until_stable()
    incident = world.incidents.all()[0]
    assert not incident.is_open
    assert [e.step for e in incident.entries[5:]] == ["recovering", "current", "share back", "reaped", "notified"]
    assert world.gateway.routes[MODEL].weights == {AWS: 34, GCP: 33, AZURE: 33}
    assert {target: adapter.replicas for target, adapter in world.targets.items()} == {
        target: {NAME: 1} for target in world.targets
    }
    assert [n.severity for n in world.notices] == ["page", "info", "info"]
    assert world.requested == {"failover": 1, "recover": 1}


def test_traffic_shifts_to_the_successor_after_its_replicas_run() -> None:
    world, seen = build_world(), list[Any]()
    shift = world.gateway.shift

    def shifted(model: str, weights: Any, added: Any = ()) -> None:
        seen.append((dict(weights), world.targets[GCP].replicas[NAME]))
        shift(model, weights, added)

    world.gateway.shift = shifted  # type: ignore[method-assign]
    world.kill_cloud("aws")
    world.run_until_stable()
    assert seen == [({GCP: 50, AZURE: 50}, 1), ({GCP: 67, AZURE: 33}, 2)]


def test_cold_target_starts_from_its_mirror_and_stops_after_recovery() -> None:
    world = build_world(**COLD)
    assert world.targets[GCP].replicas == {}
    world.registry = DownRegistry()
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.targets[GCP].replicas == {NAME: 1}
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 50, AZURE: 50}
    world.revive("aws")
    world.run_until_stable()
    assert world.targets[GCP].replicas == {}
    assert world.gateway.routes[MODEL].weights == {AWS: 50, AZURE: 50}
    assert world.failures == []


def test_stated_weight_follows_the_capacity() -> None:
    world = build_world(route={"policy": "weighted", "weights": {"aws": 3, "gcp": 1, "azure": 0}})
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 4, AZURE: 0}
    world.kill_cloud("gcp")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 4}


def test_two_clouds_fail_and_recover_one_after_the_other() -> None:
    world = build_world()
    world.kill_cloud("aws", "gcp")
    world.run_until_stable()
    assert world.targets[AZURE].replicas == {NAME: 3}
    assert world.gateway.routes[MODEL].weights == {AWS: 0, GCP: 0, AZURE: 100}
    world.revive("gcp")
    world.run_until_stable()
    assert (world.targets[GCP].replicas, world.targets[AZURE].replicas) == ({NAME: 2}, {NAME: 1})
    world.revive("aws")
    world.run_until_stable()
    assert {target: adapter.replicas for target, adapter in world.targets.items()} == {
        target: {NAME: 1} for target in world.targets
    }
    assert not world.incidents.all(open_only=True)
    assert len({notice.key for notice in world.notices}) == len(world.notices)
    assert sum(notice.key.endswith(("-down", "-back")) for notice in world.notices) == 4


def test_failover_needs_neither_the_failed_cloud_nor_the_registry() -> None:
    world = build_world()
    world.registry = DownRegistry()
    world.kill_cloud("azure")
    world.run_until_stable()
    assert world.failures == []
    calls = world.killer.log
    assert not any(call.startswith("registry") for call in calls)
    assert [(number, call) for number, call in enumerate(calls) if call.startswith("azure")] == [
        (len(calls) - 1, "azure/ml target.answers")  # when all is done, for the timeline
    ]


def test_lost_mirror_without_registry_is_copied_from_another_site() -> None:
    world = build_world()
    world.registry = DownRegistry()
    world.kill_cloud("aws")
    world.run_until_stable()
    world.stores[AWS.site].objects.clear()
    world.stores[GCP.site].objects[f"{MODEL}/1.0.0/model.txt"] = b"damaged"
    world.revive("aws")
    world.run_until_stable()
    assert not world.incidents.all(open_only=True)
    assert world.stores[AWS.site].objects == world.stores[AZURE.site].objects


def test_damaged_mirror_is_repaired_before_the_target_serves() -> None:
    world = build_world()
    world.kill_cloud("aws")
    world.run_until_stable()
    del world.stores[AWS.site].objects[f"{MODEL}/1.0.0/model.txt"]
    world.revive("aws")
    world.run_until_stable()
    assert world.stores[AWS.site].objects == world.stores[GCP.site].objects
    assert not world.incidents.all(open_only=True)


def test_target_that_refuses_is_passed_over_with_the_reason_noted() -> None:
    world = build_world()
    world.targets[GCP].broken = "quota exceeded"
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.targets[AZURE].replicas == {NAME: 2}
    (text,) = [entry.text for entry in world.incidents.all()[0].entries if entry.step == "capacity"]
    assert text == "azure/ml runs 2; gcp/cloud-run could not: gcp/cloud-run: quota exceeded"
    world.targets[GCP].broken = ""
    world.revive("aws")
    world.run_until_stable()
    assert {target: adapter.replicas for target, adapter in world.targets.items()} == {
        target: {NAME: 1} for target in world.targets
    }


def test_failing_store_does_not_stop_a_warm_target() -> None:
    world = build_world()
    world.stores[GCP.site].failing = True
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.targets[GCP].replicas == {NAME: 2}
    assert world.failures == []


def test_wrong_predictions_are_not_capacity() -> None:
    world = build_world(**COLD)
    world.targets[GCP].invoke = lambda *_: b'{"outputs": [{"name": "late", "shape": [8], "data": [0,0,0,0,0,0,0,0]}]}'  # type: ignore[method-assign]
    world.kill_cloud("aws")
    world.run_until_stable()
    assert world.gateway.routes[MODEL].weights == {AWS: 0, AZURE: 100}
    assert world.targets[AZURE].replicas == {NAME: 2}


def test_another_onset_of_an_outage_is_the_same_incident() -> None:
    world = build_world()
    world.kill_cloud("aws")
    first = fail_over(world.ports(), world.spec, Outage("flight_delay-aws.sagemaker-1", AWS, 1.0))
    again = fail_over(world.ports(), world.spec, Outage("flight_delay-aws.sagemaker-9", AWS, 9.0))
    assert again.id == first.id
    assert len(world.incidents.all()) == 1


def test_late_run_of_a_closed_incident_changes_nothing() -> None:
    world = build_world()
    outage_and_back(world)
    (incident,) = world.incidents.all()
    before = world.end()
    fail_over(world.ports(), world.spec, Outage(incident.id, AWS, incident.opened_at))
    recover(world.ports(), world.spec, incident.id)
    assert world.end() == before
