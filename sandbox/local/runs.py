"""Launch a job as a real Dagster run and follow it."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from intermodal.assets.broken import BROKEN, GROUP
from intermodal.assets.specs import SPEC
from intermodal.platform.errors import IntermodalError
from intermodal.resources import dagster_client
from intermodal.sandbox.local.run_times import run_times
from intermodal.sandbox.settings import Settings

DEPLOYING = "train_and_deploy_"


def launch(settings: Settings, job: str, tags: dict[str, str]) -> str:
    """Submit through the webserver, as the UI does; the run's id."""
    return dagster_client.launch(f"http://127.0.0.1:{settings.ports.ui}", job, tags)


def models(settings: Settings, seconds: float = 60) -> list[str]:
    """The project's models by name, once its definitions are loaded, without those that do not load. IntermodalError
    when no definitions load."""
    url, deadline = f"http://127.0.0.1:{settings.ports.ui}", time.monotonic() + seconds
    while not (locations := dagster_client.locations(url)) or any(each.loading for each in locations):
        if time.monotonic() > deadline:
            raise IntermodalError(
                f"Dagster did not load the definitions within {seconds:.0f} s.", hint=f"See {url}/locations."
            )
        time.sleep(0.3)
    for location in locations:
        if location.error:
            raise IntermodalError(
                f"The definitions of {location.name} do not load: {location.error}", hint="Run: dg check defs."
            )
    jobs = [job for location in locations for job in location.jobs]
    found = {job.removeprefix(DEPLOYING) for job in jobs if job.startswith(DEPLOYING)}
    return sorted(found - dagster_client.group_metadata(url, locations, GROUP, BROKEN).keys())


def spec(settings: Settings, model: str) -> Mapping[str, Any]:
    """A model's spec, as its definitions state it."""
    url = f"http://127.0.0.1:{settings.ports.ui}"
    found = dagster_client.definition_metadata(url, [model, "route"]).get(SPEC)
    if found is None:
        raise IntermodalError(f"Dagster has no spec of {model}.", hint=f"See {url}/assets/{model}/route.")
    return dict(json.loads(found))


def follow(settings: Settings, run_id: str, say: Callable[[str], None], seconds: float = 600) -> Mapping[str, float]:
    """Say what happens until the run ends, and give where its time went; raise with the first error when it fails."""
    deadline, seen = time.monotonic() + seconds, 0
    with dg.DagsterInstance.from_config(str(settings.home / "dagster")) as instance:
        while True:
            run = instance.get_run_by_id(run_id)
            entries = instance.all_logs(run_id)
            events = [entry.dagster_event for entry in entries if entry.dagster_event]
            for event in events[seen:]:
                if text := _line(event):
                    say(text)
            seen = len(events)
            if run is not None and run.is_finished:
                break
            if time.monotonic() > deadline:
                raise IntermodalError(
                    f"Run {run_id} did not end within {seconds:.0f} s.", hint=_where(settings, run_id)
                )
            time.sleep(0.3)
    if run.status != dg.DagsterRunStatus.SUCCESS:
        raise IntermodalError(
            f"Run {run_id} ended as {run.status.value}. {_first_error(events)}", hint=_where(settings, run_id)
        )
    return run_times(entries)


def _line(event: dg.DagsterEvent) -> str:
    if event.is_step_materialization and event.asset_key is not None:
        partition = f" {event.partition}" if event.partition else ""
        return f"{event.asset_key.to_user_string()}{partition}"
    if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        data = event.asset_check_evaluation_data
        verdict = "passed" if data.passed else "FAILED"
        return f"{data.asset_key.to_user_string()}: check {data.check_name} {verdict}"
    return ""


def _first_error(events: list[dg.DagsterEvent]) -> str:
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{event.step_key}: {error.message.strip() if error else 'it failed'}"
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            data = event.asset_check_evaluation_data
            if not data.passed and data.blocking:
                return f"The check {data.check_name} of {data.asset_key.to_user_string()} failed."
    return ""


def _where(settings: Settings, run_id: str) -> str:
    return f"See http://127.0.0.1:{settings.ports.ui}/runs/{run_id}, and the logs in {Path(settings.home) / 'logs'}."
