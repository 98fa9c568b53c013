"""Where a run's time went, by its own events."""

from collections.abc import Mapping, Sequence

import dagster as dg

QUEUE, START, BETWEEN, END = (
    "Dagster: the queue",
    "Dagster: a process for the run, and the definitions in it",
    "Dagster: resources, and between the steps",
    "Dagster: the run's end",
)


def run_times(entries: Sequence[dg.EventLogEntry]) -> Mapping[str, float]:
    """Seconds of each step by its key, longest first, and of Dagster's own parts; one after another, they are the run.

    Steps run one at a time (docs/adr/0005). A step that did not end is in Dagster's "between".
    """
    first_of: dict[dg.DagsterEventType, float] = {}
    began: dict[str, float] = {}
    steps: dict[str, float] = {}
    last = 0.0
    for entry in entries:
        event = entry.dagster_event
        if event is None:
            continue
        first_of[event.event_type], last = entry.timestamp, entry.timestamp
        if event.event_type == dg.DagsterEventType.STEP_START:
            began[str(event.step_key)] = entry.timestamp
        elif event.is_step_success or event.is_step_failure:
            steps[str(event.step_key)] = entry.timestamp - began[str(event.step_key)]
    queued, ready = first_of[dg.DagsterEventType.RUN_ENQUEUED], first_of[dg.DagsterEventType.RUN_START]
    taken = first_of[dg.DagsterEventType.RUN_STARTING]  # nothing is written when the daemon takes it from the queue
    done = max(
        first_of.get(dg.DagsterEventType.STEP_SUCCESS, ready), first_of.get(dg.DagsterEventType.STEP_FAILURE, ready)
    )
    return {
        QUEUE: taken - queued,
        START: ready - taken,
        **dict(sorted(steps.items(), key=lambda step: -step[1])),
        BETWEEN: done - ready - sum(steps.values()),
        END: last - done,
    }
