"""Dagster's runs and their processes, found as a person would find them: in the run's log and among the processes."""

import time
from collections.abc import Callable

import dagster as dg
import psutil

from intermodal.sandbox.processes import Record, group_members
from intermodal.sandbox.settings import Settings
from tests.chaos.scene import Scene

STATUS = dg.DagsterRunStatus
WORKING = [STATUS.QUEUED, STATUS.STARTING, STATUS.STARTED, STATUS.CANCELING]


def unfinished(scene: Scene, *jobs: str) -> list[dg.DagsterRun]:
    """Unfinished runs of these jobs, or of all jobs when none is named."""
    found = scene.instance.get_runs(dg.RunsFilter(statuses=WORKING))
    return [run for run in found if not jobs or run.job_name in jobs]


def pid_of(scene: Scene, run_id: str) -> int | None:
    """The process id of a run, from the run's own log. None while the log has none."""
    for entry in scene.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        data = entry.dagster_event.event_specific_data if entry.dagster_event else None
        metadata = getattr(data, "metadata", None) or {}
        if "pid" in metadata:
            return int(str(metadata["pid"].value))
    return None


def process_of(scene: Scene, run_id: str) -> psutil.Process | None:
    """The living process of a run. While it imports, its log has no process id: then the newest that no run owns."""
    pid = pid_of(scene, run_id)
    living = {
        process.pid: process
        for process in dagster_processes(scene.settings)
        if "spawn_main" in " ".join(_line(process))
    }
    if pid is not None:
        return living.get(pid)
    owned = {pid_of(scene, run.run_id) for run in unfinished(scene)}
    unowned = [process for process in living.values() if process.pid not in owned]
    return max(unowned, key=lambda process: process.pid, default=None)


def dagster_processes(settings: Settings) -> list[psutil.Process]:
    """Everything of ``dagster dev``: webserver, daemon, code servers, runs."""
    import json

    record = settings.home / "run" / "ui.json"
    return group_members(Record(**json.loads(record.read_text()))) if record.exists() else []


def daemon(settings: Settings) -> psutil.Process | None:
    return next((process for process in dagster_processes(settings) if "dagster._daemon" in _line(process)), None)


def until(done: Callable[[], object], seconds: float, step: float = 0.1) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
