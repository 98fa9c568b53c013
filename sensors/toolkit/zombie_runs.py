"""Runs without a process: their machine was restarted, or everything on it was killed at once.

Dagster's default launcher does not look after its runs (``run_monitoring`` does with the others, such as dagster-k8s),
so such a run would count as in progress for ever, and keep the next one of its model waiting.
"""

import json
import socket
from contextlib import closing

import dagster as dg

from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.sensors.toolkit.run_requests import WORKING, is_process_alive, last_event_at

CODE_SERVER_TAG = ".dagster/grpc_info"
"""Where the default launcher notes which code server has the run as its child process."""
SILENT_PROCESS_SECONDS = 3600.0
"""How long a run whose process exists may be silent."""


def fail_zombie_runs(instance: dg.DagsterInstance, now: float, location: str | None = None) -> list[str]:
    """Mark runs as failed that have been silent for a while and whose code server is gone; returns their ids.

    A code server that is stopped in order outlives its runs. One that was killed alone leaves them running, so they
    must be silent too, and for longer while a process of the run's number exists: it may train, or be another's. Runs
    of code locations other than ``location`` are left alone: their code servers may be on other machines.
    """
    found = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(WORKING))):
        run = record.dagster_run
        path = json.loads(run.tags.get(CODE_SERVER_TAG, "{}")).get("socket")
        if not path or _is_elsewhere(run, location) or _listens(path):
            continue
        silent = now - last_event_at(instance, record)
        if silent <= SILENT_SECONDS:
            continue
        seconds = SILENT_PROCESS_SECONDS if is_process_alive(instance, run.run_id) else SILENT_SECONDS
        if silent > seconds:
            text = f"Its code server is gone, and it has logged nothing for {seconds:g} s."
            instance.report_run_failed(run, text)
            found.append(run.run_id)
    return found


def _is_elsewhere(run: dg.DagsterRun, location: str | None) -> bool:
    origin = run.remote_job_origin
    return origin is not None and location is not None and origin.location_name != location


def _listens(path: str) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(1)
        try:
            client.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # busy, or not ours to see: a code server that cannot be reached counts as alive
            return True
    return True
