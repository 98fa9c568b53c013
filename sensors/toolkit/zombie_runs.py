"""Runs that nobody works on any more: their machine was restarted, or everything on it was killed at once.

Dagster's default launcher does not ask after its runs (``run_monitoring`` does with the others, such as dagster-k8s),
so such a run would count as in progress for ever, and keep the next one of its model waiting.
"""

import json
import socket
from contextlib import closing

import dagster as dg

from intermodal.platform.resilience.run_heartbeat import SILENT_SECONDS
from intermodal.sensors.toolkit.run_requests import WORKING, last_word, lives

CODE_SERVER_TAG = ".dagster/grpc_info"
"""Where the default launcher notes which code server has the run as its child process."""
WORKING_SECONDS = 3600.0
"""So long may a run be silent whose process is there."""


def fail_lost(instance: dg.DagsterInstance, now: float) -> list[str]:
    """Mark runs as failed that have been silent for a while and whose code server is gone; gives their ids.

    A code server outlives its runs when it is told to stop. One that was killed alone leaves them running, so silence
    is asked for too, and more of it while there is a process of the run's number: it may train, or be another's."""
    found = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(WORKING))):
        place = json.loads(record.dagster_run.tags.get(CODE_SERVER_TAG, "{}")).get("socket")
        if not place or _listens(place) or (silent := now - last_word(instance, record)) <= SILENT_SECONDS:
            continue
        run = record.dagster_run
        seconds = WORKING_SECONDS if lives(instance, run.run_id) else SILENT_SECONDS
        if silent > seconds:
            text = f"Its code server is gone, and nothing was heard of it for {seconds:g} s."
            instance.report_run_failed(run, text)
            found.append(run.run_id)
    return found


def _listens(path: str) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as one:
        one.settimeout(1)
        try:
            one.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:  # busy, or not ours to see: whoever cannot be asked is taken to be alive
            return True
    return True
