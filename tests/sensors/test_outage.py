"""The outage sensor: one run for each event, whatever happens to it or to its cursor."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intermodal.assets.runs import INCIDENT_TAG, MODEL_TAG
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.incidents import Entry, Incident, incident_id
from intermodal.platform.resilience.detection import DetectionPolicy, DetectionState, look
from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.platform.targets import Target
from intermodal.sensors.outage import events_of, upstreams_of
from intermodal.sensors.toolkit import openings
from tests.memory import MemoryIncidents, MemoryStore, MemoryTarget, MemoryTargets
from tests.sensors import support
from tests.sensors.outage_here import CONTAINED, STATUS, Here
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP


def test_outage_when_all_upstreams_serve_requests_nothing(here: Here) -> None:
    assert here.tick() == "All 6 upstreams serve."
    assert here.ticks.remembered()["failing"] == {}


def test_outage_after_one_failed_look_requests_nothing(here: Here) -> None:
    here.kill("aws")
    assert here.tick() == "Watched: flights on aws/sagemaker, wine on aws/sagemaker."
    here.revive("aws")
    assert here.tick() == "All 6 upstreams serve."


def test_outage_of_target_requests_one_run_for_each_model(here: Here) -> None:
    here.kill("aws")
    here.tick(2)
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    request = next(request for request in here.ticks.requests if request.job_name == "failover_wine")
    onset = here.now - 5
    assert request.run_key == f"wine-aws.sagemaker-{int(onset)}-failover-0-1"
    config = request.run_config["ops"]["fail_over_wine"]["config"]
    assert config == {"incident": f"wine-aws.sagemaker-{int(onset)}", "target": "aws/sagemaker", "onset": onset}
    assert "model" not in request.tags  # it must not wait in the queue behind a training of that model
    for _ in range(3):
        here.tick()
        assert here.requested == []


def test_outage_during_a_failover_is_opened_by_the_tick(here: Here) -> None:
    here.kill("aws")
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.kill("gcp")
    here.tick(2)
    assert here.requested == []
    (incident,) = [incident for incident in here.incidents.all("wine", open_only=True) if incident.target == GCP]
    assert incident.id == f"wine-gcp.cloud-run-{int(here.now - 5)}"
    assert [(entry.step, entry.key, entry.time) for entry in incident.entries] == [("detected", "0", here.now)]
    here.tick(2)
    assert here.incidents.get(incident.id) == incident
    for run in here.instance.get_runs():
        here.instance.report_run_failed(run)
    here.now = time.time() - 4
    here.tick()
    assert f"{incident.id}-failover-0-1" in here.ticks.keys


def test_outage_that_cannot_be_opened_holds_no_request_back(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.kill("aws")
    here.tick(2)
    here.ticks.run(
        next(request for request in here.ticks.requests if request.job_name == "failover_wine"), STATUS.STARTED
    )

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.incidents, "open", full)
    here.ticks.keys.clear()
    here.tick()
    assert here.requested == ["failover_flights"]


def test_outage_with_damaged_incident_opens_another(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.kill("aws")
    here.tick(2)
    damaged, get = incident_id("wine", AWS, here.now - 5), here.incidents.get

    def found(id: str) -> Incident | None:
        if id == damaged:
            raise IntermodalError(f"The incident {id} cannot be read.", hint="Repair or remove it.")
        return get(id)

    monkeypatch.setattr(here.incidents, "get", found)
    here.ticks.keys.clear()
    here.tick()
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    request = next(wanted for wanted in here.ticks.requests if wanted.job_name == "failover_wine")
    assert request.run_config["ops"]["fail_over_wine"]["config"]["incident"] == incident_id("wine", AWS, here.now)


def test_outage_with_damaged_cursor_starts_afresh(here: Here) -> None:
    here.kill("gcp")
    here.tick()
    kept = here.ticks.cursor
    here.ticks.cursor = "{garbled"
    assert here.tick().startswith("Watched:")
    here.tick()
    assert len(here.requested) == 2
    here.ticks.cursor = kept
    assert "gcp" in str(kept)


def test_outage_when_gateway_is_silent_requests_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.kill("aws")
    here.tick()
    kept = here.ticks.cursor

    def silent() -> Any:
        raise Unavailable("no Envoy there")

    with monkeypatch.context() as patch:
        patch.setattr(here.gateway, "health", silent)
        assert "nothing is known of the targets" in here.tick(5)
    assert here.ticks.cursor == kept
    here.tick()
    assert len(here.requested) == 2


def test_outage_with_damaged_route_watches_the_others(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = here.gateway.upstream_health
    monkeypatch.setattr(here.gateway, "health", lambda: {"wine": sound("wine")})
    message = "Not watched, as the gateway's file of it is damaged: flights."
    assert here.tick() == message
    here.kill("aws")
    assert here.tick() == f"{message} Watched: wine on aws/sagemaker."
    here.tick()
    assert here.requested == ["failover_wine"]


def test_upstreams_of_cold_target_is_left_out_until_needed(here: Here) -> None:
    specs = {"wine": support.spec("wine", failover={"cold": ["gcp"]})}
    health = {"wine": {AWS: True, GCP: False, AZURE: True}, "withdrawn": {AWS: False}}
    assert upstreams_of(specs, health, {}) == {("wine", AWS): True, ("wine", AZURE): True}
    needed = upstreams_of(specs, {"wine": {AWS: False, GCP: False, AZURE: True}}, {("wine", AWS): here.opened()})
    assert needed["wine", GCP] is False


def test_outage_with_endpoint_watcher_sees_failing_endpoints(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.watch.policy = DetectionPolicy(watchers=("gateway", "endpoint"), quorum="any")
    for adapter in here.targets.values():
        monkeypatch.setattr(adapter, "invoke", lambda *_: b"{}")
    assert here.tick() == "All 6 upstreams serve."

    def fails(*_: Any) -> bytes:
        raise Unavailable("500")

    monkeypatch.setattr(here.targets[AZURE], "invoke", fails)
    here.tick(2)
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    here.watch.policy = DetectionPolicy(watchers=("gateway", "endpoint"), quorum="all")
    assert here.tick() == "All 6 upstreams serve."


WIDE = (AWS, EKS, AWS_EU, GCP)
"""Two targets of one site, one of them in a second region, and another cloud."""


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Here(instance, monkeypatch, WIDE)


def test_outage_of_one_region_concerns_no_other_target(wide: Here) -> None:
    wide.kill("aws@eu-west-1")
    assert wide.tick() == "Watched: flights on aws/sagemaker@eu-west-1, wine on aws/sagemaker@eu-west-1."
    wide.tick()
    (request,) = [each for each in wide.ticks.requests if each.job_name == "failover_wine"]
    onset = wide.now - 5
    assert request.run_key == f"wine-aws.sagemaker.eu-west-1-{int(onset)}-failover-0-1"
    assert request.tags["intermodal/target"] == "aws/sagemaker@eu-west-1"
    config = request.run_config["ops"]["fail_over_wine"]["config"]
    assert (config["target"], config["onset"]) == ("aws/sagemaker@eu-west-1", onset)
    assert not wide.incidents.all()  # the run opens it


def test_outage_of_site_opens_all_its_incidents_before_the_run(wide: Here) -> None:
    wide.kill("aws@default")
    wide.tick(2)
    assert sorted(wide.requested) == ["failover_flights", "failover_wine"]
    opened = {(each.model, each.target) for each in wide.incidents.all(open_only=True)}
    assert opened == {(model, target) for model in ("flights", "wine") for target in (AWS, EKS)}
    first = [each.tags["intermodal/incident"] for each in wide.ticks.requests]
    assert {wide.incidents.get(id).target for id in first} == {AWS}  # type: ignore[union-attr]
    for request in wide.ticks.requests:
        wide.ticks.run(request, STATUS.STARTED)
    wide.tick()
    assert wide.requested == []


def test_outage_without_time_to_open_incidents_holds_runs_back(wide: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that began would take capacity from a target of the site that failed too."""
    wide.kill("aws@default")
    with monkeypatch.context() as patch:
        patch.setattr(openings, "OPENING_SECONDS", -1.0)
        wide.tick(3)
        assert wide.requested == []
        assert not wide.incidents.all()
    wide.tick()
    assert sorted(wide.requested) == ["failover_flights", "failover_wine"]
    assert len(wide.incidents.all(open_only=True)) == 4


def test_outage_of_target_not_enabled_is_unknown_and_the_others_seen(wide: Here) -> None:
    wide.opened(("detected", "0"), *CONTAINED)
    del wide.targets[AWS]  # the adapter, not the endpoint
    wide.gateway.targets = {**wide.targets, AWS: MemoryTarget(AWS, MemoryStore(AWS.site))}
    assert wide.tick(4) == "aws/sagemaker is unknown: aws/sagemaker is not enabled. Open: wine-aws.sagemaker-1."
    wide.kill("gcp")
    wide.tick(2)
    assert sorted(wide.requested) == ["failover_flights", "failover_wine"]


def test_outage_with_adapter_that_cannot_be_built_watches_the_others(
    wide: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = MemoryTargets.get

    def broken(self: MemoryTargets, target: Target) -> MemoryTarget:
        if target == EKS:
            raise RuntimeError("its SDK raises what it likes")
        return get(self, target)

    monkeypatch.setattr(MemoryTargets, "get", broken)
    for adapter in wide.targets.values():
        monkeypatch.setattr(adapter, "invoke", lambda *_: b"{}")
    wide.watch.policy = DetectionPolicy(watchers=("endpoint",))
    assert wide.tick(3) == "aws/eks is unknown: RuntimeError('its SDK raises what it likes')."
    monkeypatch.setattr(wide.targets[AWS_EU], "invoke", lambda *_: 1 / 0)
    wide.tick(2)
    assert [each.tags["intermodal/target"] for each in wide.ticks.requests] == ["aws/sagemaker@eu-west-1"] * 2


@pytest.mark.parametrize("is_enabled", [True, False])
def test_outage_of_target_that_left_the_spec_needs_no_api_to_recover(here: Here, is_enabled: bool) -> None:
    """Its recovery only takes it out of the route. It may have left because it will never answer again."""
    if is_enabled:
        here.targets[EKS] = MemoryTarget(EKS, MemoryStore(EKS.site))
        here.targets[EKS].gone = True
    here.incidents.open(Incident("wine-aws.eks-1", "wine", EKS, 1.0))
    for step, key in (("detected", "0"), *CONTAINED):
        here.incidents.note("wine-aws.eks-1", Entry(2.0, step, key, ""))  # type: ignore[arg-type]
    here.tick(3)
    assert here.requested == ["recover_wine"]


def test_outage_of_a_model_elsewhere_is_left_to_its_location(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        here = Here(instance, monkeypatch, models=("flights",))
        here.opened(("detected", "0"))  # of wine
        tags = {MODEL_TAG: "wine", INCIDENT_TAG: "wine-aws.sagemaker-1"}
        run = instance.add_run(dg.DagsterRun(job_name="failover_wine", tags=tags, status=STATUS.STARTED))
        here.kill("aws")
        here.tick(2)
        assert here.requested == ["failover_flights"]
        here.now = time.time() + 10 * SILENT_SECONDS
        here.tick()
        assert instance.get_run_by_id(run.run_id).status == STATUS.STARTED  # type: ignore[union-attr]
        assert [each.id for each in here.incidents.all(open_only=True)] == ["wine-aws.sagemaker-1"]


clouds, kinds, regions = st.sampled_from(["aws", "gcp", "onprem"]), st.sampled_from(["ml", "k8s"]), ["", "eu", "us"]
targets = st.builds(Target, clouds, kinds, st.sampled_from(regions))


@settings(max_examples=150, deadline=None)
@given(st.lists(targets, min_size=1, max_size=8, unique=True), st.data())
def test_events_of_any_failing_upstreams_are_one_for_each(serve: list[Target], data: st.DataObject) -> None:
    """Whatever targets there are, several of a cloud: every failing upstream gets exactly one event."""
    names = ("flights", "wine")
    specs = {name: support.spec(name, serve=[str(target) for target in serve]) for name in names}
    some = st.sets(st.sampled_from(serve))
    failing = {(name, target) for name in names for target in data.draw(some)}
    opened = {(name, target) for name in names for target in data.draw(some)}
    incidents = MemoryIncidents()
    known = {(m, t): incidents.open(Incident(incident_id(m, t, 1.0), m, t, 1.0)) for m, t in opened}
    health = {name: {target: (name, target) not in failing for target in serve} for name in names}
    serves = upstreams_of(specs, health, known)
    assert serves == {(name, target): (name, target) not in failing for name in names for target in serve}
    policy, watch = DetectionPolicy(), DetectionState()
    for now in (0.0, 5.0):
        seen = look(watch, policy, now, serves, handled=set(known))
        watch = DetectionState.from_json(seen.watch.to_json())
    assert set(seen.down) == failing - opened
    events = events_of(specs, seen, known, incidents, 5.0)
    # An open incident that is not contained is an event too.
    assert sorted((event.model, event.target) for event in events) == sorted(failing | opened)
    assert len({event.id for event in events}) == len(events)
    assert all(event.config["target"] == str(event.target) for event in events)
