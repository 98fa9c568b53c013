"""The outage sensor and the runs that it asked for: at work, failed, lost, or never begun."""

import subprocess
import sys
import time

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from intermodal.sensors.toolkit import run_requests
from tests.sensors.outage_here import CONTAINED, STATUS, Here


def test_while_a_run_is_at_work_no_other_is_asked_for(here: Here) -> None:
    here.kill("aws")
    here.tick(2)
    for request in here.ticks.requests:
        here.ticks.run(request, STATUS.STARTED)
    here.tick(3)
    assert len(here.ticks.keys) == 2


def test_a_run_that_did_not_settle_it_is_followed_by_another_after_a_while(here: Here) -> None:
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


def test_recoveries_that_fail_are_later_and_later_although_each_makes_a_round(here: Here) -> None:
    here.opened(("detected", "0"), *CONTAINED)
    here.now = time.time() - 100
    here.tick(3)
    assert here.requested == ["recover_wine"]
    for turn, pause in enumerate((5, 10, 20)):
        here.ticks.run(next(one for one in here.ticks.requests if one.job_name == "recover_wine"), STATUS.FAILURE)
        # it failed again, was contained, and its API answers still
        here.opened(("recovering", str(turn)), ("note", f"again-{turn + 1}"))
        here.opened(("drained", str(turn + 1)), ("capacity", str(turn + 1)))
        here.now = time.time() + pause - 7
        here.tick()
        assert here.requested == []
        here.tick()
        assert [one.run_key for one in here.ticks.requests] == [f"wine-aws.sagemaker-1-recover-{turn + 1}-{turn + 2}"]


def test_a_failover_does_not_wait_for_those_of_earlier_rounds(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.FAILURE)
    here.opened(*CONTAINED, ("recovering", "0"))
    here.kill("aws")
    here.now = time.time() - 10
    here.tick(2)
    assert "wine-aws.sagemaker-1-failover-1-1" in here.ticks.keys


def test_a_run_whose_process_is_gone_is_marked_and_followed_by_another(here: Here) -> None:
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


def test_a_run_that_died_when_all_was_done_is_marked_too(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTED)
    here.incidents.close("wine-aws.sagemaker-1", here.now)
    here.now = time.time() + run_requests.SILENT_SECONDS
    here.tick()
    assert here.requested == []
    assert here.instance.get_run_by_id(run.run_id).status == STATUS.FAILURE  # type: ignore[union-attr]


@pytest.mark.parametrize("local", [True, False])
def test_a_process_that_never_came_up_is_not_waited_for_as_a_pod_is(
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
def test_a_process_that_loads_many_models_is_waited_for_while_it_lives(
    here: Here, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    monkeypatch.setattr(type(here.instance), "run_launcher", property(lambda _: dg.DefaultRunLauncher()))
    here.opened(("detected", "0"))
    here.tick()
    run = here.ticks.run(here.ticks.requests[0], STATUS.STARTING)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        said = EngineEventData.in_process(process.pid)  # as Dagster's code server says it of a run that it starts
        here.instance.report_engine_event(f"Started process for run (pid: {process.pid}).", run, said)
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


def test_a_run_that_says_that_it_is_at_work_is_left_alone(here: Here) -> None:
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


def test_a_run_that_was_made_and_never_handed_on_is_asked_for_again_by_the_same_key(here: Here) -> None:
    here.opened(("detected", "0"))
    here.tick()
    here.ticks.run(here.ticks.requests[0], STATUS.NOT_STARTED)
    here.ticks.keys.clear()
    here.tick()
    assert here.ticks.keys == ["wine-aws.sagemaker-1-failover-0-1"]
