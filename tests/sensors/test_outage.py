"""The outage sensor: one run for each event, whatever happens to it or to its cursor."""

import time
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.detection import WatchPolicy
from intermodal.sensors.outage import upstreams_of
from tests.sensors import support
from tests.sensors.outage_here import STATUS, Here
from tests.targets import AWS, AZURE, GCP


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
    request = next(one for one in here.ticks.requests if one.job_name == "failover_wine")
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
    (incident,) = [one for one in here.incidents.all("wine", open_only=True) if one.target == GCP]
    assert incident.id == f"wine-gcp.cloud-run-{int(here.now - 5)}"
    assert [(entry.step, entry.key, entry.at) for entry in incident.entries] == [("detected", "0", here.now)]
    here.tick(2)
    assert here.incidents.get(incident.id) == incident
    for run in here.instance.get_runs():
        here.instance.report_run_failed(run)
    here.now = time.time() - 4
    here.tick()
    assert f"{incident.id}-failover-0-1" in here.ticks.keys


def test_outage_that_cannot_be_opened_holds_no_request_back(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.kill("aws")
    here.tick(2)
    here.ticks.run(next(one for one in here.ticks.requests if one.job_name == "failover_wine"), STATUS.STARTED)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.incidents, "open", full)
    here.ticks.keys.clear()
    here.tick()
    assert here.requested == ["failover_flights"]


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


def test_outage_when_gateway_is_silent_requests_nothing(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_outage_with_damaged_route_watches_the_others(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = here.gateway.upstream_health
    monkeypatch.setattr(here.gateway, "health", lambda: {"wine": sound("wine")})
    said = "Not watched, as the gateway's file of it is damaged: flights."
    assert here.tick() == said
    here.kill("aws")
    assert here.tick() == f"{said} Watched: wine on aws/sagemaker."
    here.tick()
    assert here.requested == ["failover_wine"]


def test_upstreams_of_cold_target_is_left_out_until_needed(here: Here) -> None:
    specs = {"wine": support.spec("wine", failover={"cold": ["gcp"]})}
    health = {"wine": {AWS: True, GCP: False, AZURE: True}, "withdrawn": {AWS: False}}
    assert upstreams_of(specs, health, {}) == {("wine", AWS): True, ("wine", AZURE): True}
    needed = upstreams_of(specs, {"wine": {AWS: False, GCP: False, AZURE: True}}, {("wine", AWS): here.opened()})
    assert needed["wine", GCP] is False


def test_outage_with_endpoint_watcher_sees_failing_endpoints(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="any")
    for adapter in here.targets.values():
        monkeypatch.setattr(adapter, "invoke", lambda *_: b"{}")
    assert here.tick() == "All 6 upstreams serve."

    def fails(*_: Any) -> bytes:
        raise Unavailable("500")

    monkeypatch.setattr(here.targets[AZURE], "invoke", fails)
    here.tick(2)
    assert sorted(here.requested) == ["failover_flights", "failover_wine"]
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="all")
    assert here.tick() == "All 6 upstreams serve."
