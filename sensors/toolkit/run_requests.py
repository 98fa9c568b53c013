"""One run per event whatever happens: which events need a run now, seen from the runs that there were."""

import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from intermodal.assets.runs import CLOUD_TAG, EVENT_TAG, INCIDENT_TAG, MODEL_TAG
from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.platform.targets import Cloud

FIRST_SECONDS, LONGEST_SECONDS = 5.0, 300.0
"""How long to wait before an event that a run did not settle gets another one: doubled each time."""
START_SECONDS = 180.0
"""Dagster's own patience with a run that starts (run_monitoring.start_timeout_seconds): it may wait for a machine (a
pod, an image)."""
LOADING_SECONDS = 600.0
"""Patience with a process on this machine that lives and starts: it loads the definitions of all models, and says
nothing meanwhile."""
AT_ONCE = 400
"""Ids in one question to the run storage, well below SQLite's limit of variables."""
MARKING_SECONDS = 0.5
"""To look for a sign of life and to mark a run as failed takes 0.1 s and more: a tick spends no longer on it."""
WORKING = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
UNFINISHED = (*WORKING, dg.DagsterRunStatus.QUEUED)
# NOT_STARTED is left out: Dagster made the run and was killed before handing it on. The same run key takes it up again.


@dataclass(frozen=True)
class Event:
    """``failover`` or ``recover`` of one incident. ``round`` counts how often its cloud failed again meanwhile."""

    verb: str
    model: str
    cloud: Cloud
    incident: str
    round: int
    config: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        return f"{self.incident}-{self.verb}-{self.round}"


def requests(instance: dg.DagsterInstance, events: Sequence[Event], now: float) -> list[dg.RunRequest]:
    """A run for each event that has none at work, one for each model at a time, later and later after failed ones."""
    busy = _busy(instance, now)  # also without events: a run that died when all was done must not look alive for ever
    if not events:
        return []
    runs: dict[str, list[dg.RunRecord]] = defaultdict(list)
    for record in _records(instance, INCIDENT_TAG, {event.incident for event in events}):
        if record.dagster_run.status != dg.DagsterRunStatus.NOT_STARTED:
            runs[_series(record.dagster_run.tags.get(EVENT_TAG, ""))].append(record)
    asked = []
    for event in events:
        before = runs[_series(event.id)]
        if event.model in busy or (before and now < max(map(_ended, before)) + _pause(len(before))):
            continue
        busy.add(event.model)
        asked.append(_request(event, len(before) + 1))
    return asked


def _series(id: str) -> str:
    """The events whose runs wait for each other: the recoveries of an incident in all its rounds, for one that fails
    makes a new round; but a failover only with itself, for its cloud may have its share again."""
    series, _, _ = id.rpartition("-")
    return series if series.endswith("-recover") else id


def _pause(attempts: int) -> float:
    return float(min(FIRST_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_SECONDS))


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def _patience(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    """One that works gives a sign of life; one that starts cannot yet."""
    if record.dagster_run.status != dg.DagsterRunStatus.STARTING:
        return SILENT_SECONDS
    if not isinstance(instance.run_launcher, dg.DefaultRunLauncher):
        return START_SECONDS
    return LOADING_SECONDS if lives(instance, record.dagster_run.run_id) else SILENT_SECONDS


def lives(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run's process is there. It says which it is before it loads anything, and Dagster's default launcher
    has it on the machine where this sensor runs."""
    said = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    events = [one.event_log_entry.dagster_event for one in said]
    pids = [event.engine_event_data.metadata.get("pid") for event in events if event is not None]
    return any(pid is not None and _exists(int(str(pid.value))) for pid in pids)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks, and sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _busy(instance: dg.DagsterInstance, now: float) -> set[str]:
    """Models that a failover or a recovery works on. One whose process is dead is marked as failed and does not count:
    a process that was killed cannot say so, and Dagster's default launcher does not ask."""
    unfinished = instance.get_run_records(dg.RunsFilter(statuses=list(UNFINISHED)))
    records = [record for record in unfinished if MODEL_TAG in record.dagster_run.tags]
    quiet = [
        record
        for record in records
        if record.dagster_run.status in WORKING and now - record.update_timestamp.timestamp() > SILENT_SECONDS
    ]
    dead, until, turn = set[str](), time.monotonic() + MARKING_SECONDS, int(now) % max(len(quiet), 1)
    for record in quiet[turn:] + quiet[:turn]:
        if time.monotonic() > until:
            break  # the others count as at work until a later tick has looked at them
        seconds = _patience(instance, record)
        if now - last_word(instance, record) > seconds:
            instance.report_run_failed(record.dagster_run, f"No sign of life for {seconds:g} s: its process is gone.")
            dead.add(record.dagster_run.run_id)
    return {one.dagster_run.tags[MODEL_TAG] for one in records if one.dagster_run.run_id not in dead}


def last_word(instance: dg.DagsterInstance, record: dg.RunRecord) -> float:
    """Unix seconds of the newest thing that the run said."""
    newest = instance.get_records_for_run(record.dagster_run.run_id, limit=1, ascending=False).records
    return max([record.update_timestamp.timestamp(), *(one.event_log_entry.timestamp for one in newest)])


def _records(instance: dg.DagsterInstance, tag: str, values: set[str]) -> list[dg.RunRecord]:
    ordered, found = sorted(values), list[dg.RunRecord]()
    for start in range(0, len(ordered), AT_ONCE):
        found += instance.get_run_records(dg.RunsFilter(tags={tag: ordered[start : start + AT_ONCE]}))
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
            CLOUD_TAG: event.cloud,
        },
    )
