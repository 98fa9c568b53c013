"""A run's parts are its whole time."""

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepSuccessData

from intermodal.sandbox.local.run_times import BETWEEN, END, QUEUE, START, run_times

E = dg.DagsterEventType


def entry(kind: dg.DagsterEventType, timestamp: float, step: str | None = None) -> dg.EventLogEntry:
    data = StepSuccessData(1.0) if kind == E.STEP_SUCCESS else None
    event = dg.DagsterEvent(kind.value, "job", step_key=step, event_specific_data=data)
    return dg.EventLogEntry(None, 10, "", "run", timestamp, step_key=step, job_name="job", dagster_event=event)  # type: ignore[arg-type]


def test_steps_and_what_is_around_them_add_up() -> None:
    found = run_times(
        [
            entry(E.RUN_ENQUEUED, 10.0),
            entry(E.RUN_STARTING, 11.0),
            entry(E.RUN_START, 15.0),
            entry(E.STEP_START, 15.5, "m__dataset"),
            entry(E.STEP_SUCCESS, 16.0, "m__dataset"),
            entry(E.STEP_START, 16.25, "m__model"),
            entry(E.STEP_SUCCESS, 20.25, "m__model"),
            entry(E.RUN_SUCCESS, 21.0),
        ]
    )
    assert found == pytest.approx(
        {QUEUE: 1.0, START: 4.0, "m__model": 4.0, "m__dataset": 0.5, BETWEEN: 0.75, END: 0.75}
    )
    assert sum(found.values()) == pytest.approx(21.0 - 10.0)
    assert list(found)[2:4] == ["m__model", "m__dataset"]
