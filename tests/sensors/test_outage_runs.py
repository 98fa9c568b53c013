"""The outage sensor and the runs that it requested: at work, failed, lost or never begun."""

import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from intermodal.sensors.toolkit import run_requests
from tests.sensors.outage_here import CONTAINED, STATUS, Here


def test_incident_with_a_run_in_progress_requests_no_other(here: Here) -> None:
    here.kill("aws")
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.tick(3)
    assert len(here.ticks.keys) == 2


def test_run_that_did_not_contain_it_is_followed_by_another(here: Here) -> None:
    here.opened(("detected", "0"))
    here.kill("aws")
    here.tick()
    assert here.requested == ["failover_wine"]
    here.ticks.run(here.ticks.requests[0], STATUS.FAILURE)
    here.now = time.time() - 4  # the tick is one second after the run ended
    here.tick()
    assert here.requested == []
    here.tick()
    assert [request.run_key for request in here.ticks.requests if request.job_name == "failover_wine"] == [
        "wine-aws.sagemaker-1-failover-0-2"
    ]


def test_failed_recoveries_are_requested_with_growing_pauses(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    here.now = time.time() - 100
    here.tick(3)
    assert here.requested == ["recover_wine"]
    for turn, pause in enumerate((5, 10, 20)):
        here.ticks.run(
            next(request for request in here.ticks.requests if request.job_name == "recover_wine"), STATUS.FAILURE
        )
        # it failed again, was contained, and its API answers still
        here.opened(("recovering", str(turn)), ("note", f"again-{turn + 1}"))
        here.opened(("drained", str(turn + 1)), ("capacity", str(turn + 1)))
        here.now = time.time() + pause - 7
        here.tick()
        assert here.requested == []
        here.tick()
        assert [request.run_key for request in here.ticks.requests] == [
            f"wine-aws.sagemaker-1-recover-{turn + 1}-{turn + 2}"
        ]


def test_failover_does_not_wait_for_runs_of_earlier_rounds(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.FAILURE)
    here.opened(*CONTAINED, ("recovering", "0"))
    here.kill("aws")
    here.now = time.time() - 10
    here.tick(2)
    assert "wine-aws.sagemaker-1-failover-1-1" in here.ticks.keys


def test_run_whose_process_died_is_failed_and_followed_by_another(here: Here) -> None:
    here.opened(("detected", "0"))
    here.kill("aws")
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.now = time.time() + run_requests.SILENT_SECONDS - 10
    here.tick()
    assert "failover_wine" not in here.requested
    here.tick(2)
    marked = here.instance.get_run_by_id(run.run_id)
    assert marked is not None
    assert marked.status == STATUS.FAILURE
    here.tick(3)
    assert "wine-aws.sagemaker-1-failover-0-2" in here.ticks.keys


def test_run_that_died_after_its_work_is_failed_too(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.incidents.close("wine-aws.sagemaker-1", here.now)
    here.now = time.time() + run_requests.SILENT_SECONDS
    here.tick()
    assert here.requested == []
    assert here.instance.get_run_by_id(run.run_id).status == STATUS.FAILURE  # type: ignore[union-attr]


@pytest.mark.parametrize("local", [True, False])
def test_process_that_never_started_is_given_up_before_a_pod(
    here: Here, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    if local:
        monkeypatch.setattr(type(here.instance), "run_launcher", property(lambda _: dg.DefaultRunLauncher()))
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTING)
    here.now = time.time() + run_requests.SILENT_SECONDS
    here.tick()
    expected = STATUS.FAILURE if local else STATUS.STARTING
    assert here.instance.get_run_by_id(run.run_id).status == expected  # type: ignore[union-attr]


@pytest.mark.parametrize("lives", [True, False])
def test_process_that_loads_many_models_has_time_while_it_lives(
    here: Here, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    monkeypatch.setattr(type(here.instance), "run_launcher", property(lambda _: dg.DefaultRunLauncher()))
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTING)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        event_data = EngineEventData.in_process(process.pid)  # as Dagster's code server says it of a run that it starts
        here.instance.report_engine_event(f"Started process for run (pid: {process.pid}).", run, event_data)
        if not lives:
            process.communicate(b"\n")
        here.now = time.time() + run_requests.SILENT_SECONDS + 10
        here.tick()
        found = here.instance.get_run_by_id(run.run_id).status  # type: ignore[union-attr]
        assert found == (STATUS.STARTING if lives else STATUS.FAILURE)
        if lives:
            here.now = time.time() + run_requests.LOADING_SECONDS
            here.tick()
            assert here.instance.get_run_by_id(run.run_id).status == STATUS.FAILURE  # type: ignore[union-attr]
            process.communicate(b"\n")


def test_run_that_reports_its_work_is_left_alone(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.now = time.time() + run_requests.SILENT_SECONDS + 5
    event = dg.EventLogEntry(
        error_info=None, level="info", user_message="still at work", run_id=run.run_id, timestamp=here.now
    )
    here.instance.store_event(event)
    here.tick()
    assert here.requested == []
    assert here.instance.get_run_by_id(run.run_id).status == STATUS.STARTED  # type: ignore[union-attr]


def test_run_that_was_never_launched_is_requested_by_its_key_again(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.NOT_STARTED)
    here.ticks.keys.clear()
    here.tick()
    assert here.ticks.keys == ["wine-aws.sagemaker-1-failover-0-1"]
