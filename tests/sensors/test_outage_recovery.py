"""The outage sensor when a cloud comes back, and when it does not stay."""

import time
from threading import Event

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.detection import DetectionPolicy
from tests.sensors.outage_here import CONTAINED, Here
from tests.targets import AWS


def test_cloud_that_is_back_for_a_while_is_recovered(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    here.tick(2)
    assert here.requested == []
    here.tick()
    assert here.requested == ["recover_wine"]
    assert here.ticks.requests[0].run_config == {
        "ops": {"bring_back_wine": {"config": {"incident": "wine-aws.sagemaker-1"}}}
    }


def test_cloud_with_a_silent_api_is_not_recovered(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    monkeypatch.setattr(here.targets[AWS], "answers", lambda: False)
    assert "Open: wine-aws.sagemaker-1." in here.tick(5)


def test_api_that_hangs_delays_no_tick(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    monkeypatch.setattr("intermodal.sensors.toolkit.probes.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(here.targets[AWS], "answers", lambda: time.sleep(0.4) or True)
    here.tick(4)
    assert here.requested == []


def test_apis_and_golden_rows_are_called_at_the_same_time(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call waits until the other has begun. In sequence, the tick would take as long as both."""
    here.opened(("detected", "0"), *CONTAINED)
    here.watch.policy = DetectionPolicy(watchers=("endpoint",))
    api, row, adapter = Event(), Event(), here.targets[AWS]

    def answers() -> bool:
        api.set()
        return row.wait(1)

    def invoke(*_: object) -> bytes:
        row.set()
        if not api.wait(1):
            raise Unavailable("the API was not called")
        return b"{}"

    for other in here.targets.values():
        monkeypatch.setattr(other, "invoke", lambda *_: b"{}")
    monkeypatch.setattr(adapter, "answers", answers)
    monkeypatch.setattr(adapter, "invoke", invoke)
    for _ in range(3):
        api.clear()
        row.clear()
        here.tick()
    assert "recover_wine" in here.requested


def test_cloud_that_dies_during_its_recovery_is_failed_over_again(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED, ("recovering", "0"), ("share back", "0"))
    here.kill("aws")
    here.tick(2)
    wine = [request for request in here.ticks.requests if request.job_name == "failover_wine"]
    assert [request.run_key for request in wine] == ["wine-aws.sagemaker-1-failover-1-1"]


def test_new_outage_after_a_closed_incident_is_a_new_incident(here: Here) -> None:
    here.kill("aws")
    here.tick()
    old = Incident(f"wine-aws.sagemaker-{int(here.now)}", "wine", AWS, here.now)
    here.incidents.open(old)
    here.incidents.close(old.id, here.now + 1)
    here.tick()
    assert f"wine-aws.sagemaker-{int(here.now)}-failover-0-1" in here.ticks.keys
