"""The outage sensor: one run for each event, whatever happens to it or to its memory."""

import time
from typing import Any

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.resilience.detection import WatchPolicy
from intermodal.sensors.outage import upstreams_of
from tests.sensors import support
from tests.sensors.outage_here import STATUS, Here


def test_all_is_well(here: Here) -> None:
    assert here.tick() == "All 6 lanes serve."
    assert here.ticks.remembered()["failing"] == {}


def test_one_failed_look_asks_for_nothing(here: Here) -> None:
    here.targets["aws"].gone = True
    assert here.tick() == "Watched: flights on aws, wine on aws."
    here.targets["aws"].gone = False
    assert here.tick() == "All 6 lanes serve."


def test_an_outage_is_one_run_for_each_model_with_what_it_needs(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    assert sorted(here.asked) == ["failover_flights", "failover_wine"]
    request = next(one for one in here.ticks.requests if one.job_name == "failover_wine")
    onset = here.now - 5
    assert request.run_key == f"wine-aws-{int(onset)}-failover-0-1"
    config = request.run_config["ops"]["fail_over_wine"]["config"]
    assert config == {"incident": f"wine-aws-{int(onset)}", "cloud": "aws", "onset": onset}
    assert "model" not in request.tags  # it must not wait in the queue behind a training of that model
    for _ in range(3):
        here.tick()
        assert here.asked == []


def test_a_second_cloud_that_fails_meanwhile_is_written_down_at_once(here: Here) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.targets["gcp"].gone = True
    here.tick(2)
    assert here.asked == []
    (incident,) = [one for one in here.incidents.all("wine", open_only=True) if one.cloud == "gcp"]
    assert incident.id == f"wine-gcp-{int(here.now - 5)}"
    assert [(entry.step, entry.key, entry.at) for entry in incident.entries] == [("detected", "0", here.now)]
    here.tick(2)
    assert here.incidents.get(incident.id) == incident
    for run in here.instance.get_runs():
        here.instance.report_run_failed(run)
    here.now = time.time() - 4
    here.tick()
    assert f"{incident.id}-failover-0-1" in here.ticks.keys


def test_what_cannot_be_written_down_keeps_no_failover_from_being_asked_for(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.targets["aws"].gone = True
    here.tick(2)
    here.ticks.run(next(one for one in here.ticks.requests if one.job_name == "failover_wine"), STATUS.STARTED)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(here.incidents, "open", full)
    here.ticks.keys.clear()
    here.tick()
    assert here.asked == ["failover_flights"]


def test_the_cursor_survives_a_restart_and_a_damaged_one_starts_afresh(here: Here) -> None:
    here.targets["gcp"].gone = True
    here.tick()
    kept = here.ticks.cursor
    here.ticks.cursor = "{garbled"
    assert here.tick().startswith("Watched:")
    here.tick()
    assert len(here.asked) == 2
    here.ticks.cursor = kept
    assert "gcp" in str(kept)


def test_a_gateway_that_does_not_answer_is_not_an_outage_of_all_clouds(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.targets["aws"].gone = True
    here.tick()
    kept = here.ticks.cursor

    def silent() -> Any:
        raise Unavailable("no Envoy there")

    with monkeypatch.context() as patch:
        patch.setattr(here.gateway, "health", silent)
        assert "nothing is known of the clouds" in here.tick(5)
    assert here.ticks.cursor == kept
    here.tick()
    assert len(here.asked) == 2


def test_a_model_whose_route_is_damaged_is_named_and_the_others_are_watched(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = here.gateway.upstream_health
    monkeypatch.setattr(here.gateway, "health", lambda: {"wine": sound("wine")})
    said = "Not watched, as the gateway's file of it is damaged: flights."
    assert here.tick() == said
    here.targets["aws"].gone = True
    assert here.tick() == f"{said} Watched: wine on aws."
    here.tick()
    assert here.asked == ["failover_wine"]


def test_only_what_ought_to_serve_is_watched(here: Here) -> None:
    lanes = upstreams_of(
        {"wine": support.spec("wine", failover={"cold": ["gcp"]})},
        {"wine": {"aws": True, "gcp": False, "azure": True}, "withdrawn": {"aws": False}},
        {},
    )
    assert lanes == {("wine", "aws"): True, ("wine", "azure"): True}
    helped = upstreams_of(
        {"wine": support.spec("wine", failover={"cold": ["gcp"]})},
        {"wine": {"aws": False, "gcp": False, "azure": True}},
        {("wine", "aws"): here.opened()},
    )
    assert helped[("wine", "gcp")] is False


def test_endpoints_can_be_watched_too(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="any")
    for place in here.targets.values():
        monkeypatch.setattr(place, "invoke", lambda *_: b"{}")
    assert here.tick() == "All 6 lanes serve."

    def fails(*_: Any) -> bytes:
        raise Unavailable("500")

    monkeypatch.setattr(here.targets["azure"], "invoke", fails)
    here.tick(2)
    assert sorted(here.asked) == ["failover_flights", "failover_wine"]
    here.watch.policy = WatchPolicy(watchers=("gateway", "endpoint"), quorum="all")
    assert here.tick() == "All 6 lanes serve."
