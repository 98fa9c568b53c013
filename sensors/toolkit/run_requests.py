"""One run per event whatever happens: which events need a run now, seen from the runs that there were."""

import os
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from intermodal.assets.runs import EVENT_TAG, INCIDENT_TAG, MODEL_TAG
from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.platform.targets import Target

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
"""How long an event whose run failed waits for the next run: doubled each time."""
START_SECONDS = 180.0
"""How long a run may start: Dagster's own limit (run_monitoring.start_timeout_seconds), since it may wait for a machine
(a pod, an image)."""
LOADING_SECONDS = 600.0
"""How long a process on this machine may start: it loads the definitions of all models, and logs nothing meanwhile."""
IDS_PER_QUERY = 400
"""Ids in one query to the run storage, well below SQLite's limit of variables."""
MARKING_SECONDS = 0.5
"""How long a tick looks for silent runs and marks them as failed; each takes 0.1 s and more."""
WORKING = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
TARGET_TAG = "intermodal/target"
"""On those runs: the text of the target."""
UNFINISHED = (*WORKING, dg.DagsterRunStatus.QUEUED)
# NOT_STARTED is left out: Dagster made the run and was killed before handing it on. The same run key takes it up again.


@dataclass(frozen=True)
class Event:
    """``failover`` or ``recover`` of one incident. ``round`` counts how often its target failed again meanwhile."""

    verb: str
    model: str
    target: Target
    incident: str
    round: int
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        return f"{self.incident}-{self.verb}-{self.round}"


def plan_runs(
    instance: dg.DagsterInstance, events: Sequence[Event], models: Collection[str], now: float
) -> list[dg.RunRequest]:
    """A run for each event that has none in progress, one for each model at a time, later and later after failed ones.

    ``models`` are those of this code location: runs of others are left to their own sensors.
    """
    busy = _busy(instance, models, now)  # also without events: a run that died when all was done must be marked
    if not events:
        return []
    runs: dict[str, list[dg.RunRecord]] = defaultdict(list)
    for record in _records(instance, INCIDENT_TAG, {event.incident for event in events}):
        if record.dagster_run.status != dg.DagsterRunStatus.NOT_STARTED:
            runs[_series(record.dagster_run.tags.get(EVENT_TAG, ""))].append(record)
    planned = []
    for event in events:
        before = runs[_series(event.id)]
        if event.model in busy or (before and now < max(map(_ended, before)) + _pause(len(before))):
            continue
        busy.add(event.model)
        planned.append(_request(event, len(before) + 1))
    return planned


def _series(id: str) -> str:
    """The events whose runs wait for each other: the recoveries of an incident in all its rounds, for one that fails
    makes a new round; but a failover only with itself, for its target may have its share again."""
    series, _, _ = id.rpartition("-")
    return series if series.endswith("-recover") else id


def _pause(attempts: int) -> float:
    return float(min(FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_PAUSE_SECONDS))


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def silence_limit(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    """Seconds after which a silent run is dead. One that works logs a sign of life; one that starts cannot yet."""
    if record.dagster_run.status != dg.DagsterRunStatus.STARTING:
        return SILENT_SECONDS
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return START_SECONDS
    return LOADING_SECONDS if is_process_alive(instance, record.dagster_run.run_id) else SILENT_SECONDS


def is_process_alive(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run's process exists. Its number is logged before it loads anything, and Dagster's default launcher
    starts it on the machine where this sensor runs."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [record.event_log_entry.dagster_event for record in records]
    pids = [event.engine_event_data.metadata.get("pid") for event in events if event is not None]
    return any(pid is not None and _exists(int(str(pid.value))) for pid in pids)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # only looks, and sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy(instance: dg.DagsterInstance, models: Collection[str], now: float) -> set[str]:
    """Those of the models that a failover or a recovery works on. A run whose process is dead is marked as failed and
    does not count: a process that was killed reports nothing, and Dagster's default launcher does not look."""
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=list(UNFINISHED)))
    records = [record for record in unfinished if record.dagster_run.tags.get(MODEL_TAG) in models]
    quiet = [
        record
        for record in records
        if record.dagster_run.status in WORKING and now - record.update_timestamp.timestamp() > SILENT_SECONDS
    ]
    dead, until, start = set[str](), time.monotonic() + MARKING_SECONDS, int(now) % max(len(quiet), 1)
    for record in quiet[start:] + quiet[:start]:
        if time.monotonic() > until:
            break  # the others count as in progress until a later tick has looked at them
        seconds = silence_limit(instance, record)
        if now - last_event_at(instance, record) > seconds:
            instance.report_run_failed(record.dagster_run, f"No sign of life for {seconds:g} s: its process is gone.")
            dead.add(record.dagster_run.run_id)
    return {record.dagster_run.tags[MODEL_TAG] for record in records if record.dagster_run.run_id not in dead}


def last_event_at(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    """Unix seconds of the run's newest event."""
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    return max([record.update_timestamp.timestamp(), *(event.event_log_entry.timestamp for event in newest)])


def _records(instance: dg.DagsterInstance, tag: str, values: set[str]) -> list[dg.RunRecord]:
    ordered, found = sorted(values), list[dg.RunRecord]()
    for start in range(0, len(ordered), IDS_PER_QUERY):
        found += instance.get_run_records(dg.RunsFilter(tags={tag: ordered[start : start + IDS_PER_QUERY]}))
    return found


def _request(event: Event, attempt: int) -> dg.RunRequest:
    op = f"{'fail_over' if event.verb == 'failover' else 'bring_back'}_{event.model}"
    return dg.RunRequest(
        run_key=f"{event.id}-{attempt}",
        job_name=f"{event.verb}_{event.model}",
        run_config={"ops": {op: {"config": {"incident": event.incident, **event.config}}}},
        tags={
            MODEL_TAG: event.model,
            INCIDENT_TAG: event.incident,
            EVENT_TAG: event.id,
            TARGET_TAG: str(event.target),
        },
    )
