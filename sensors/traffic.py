"""Watches a model after enough requests, or a while after any: models without traffic cost nothing."""

import json
import time
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.monitoring.jobs import QUIET_TAG
from intermodal.assets.runs import RUNNING, WATCH_TAG
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Totals
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.toolkit.cursors import remembered
from intermodal.sensors.toolkit.jobs import JobDefinitions

LISTED_MODELS = 3
"""In the reason for a skip."""
QUIET_SECONDS = 15 * 60.0
"""A model with few requests is watched so often: its points in the UI are not hours apart, and a Grafana panel shows
what was pushed in the last hour, which leaves time to wait for other runs."""
MAX_QUIET_RUNS = 10
"""So many of those wait or run, for there may be a thousand models, and dagster.yaml lets two run at a time."""


@dataclass(frozen=True)
class Look:
    """Requests at the gateway when a model was last watched, and when that was (Unix seconds), or when it got its first
    request."""

    requests: int
    time: float


def traffic(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``watch_<model>`` jobs of all models: what it may request."""

    @dg.sensor(
        name="traffic",
        jobs=jobs,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={ports.GATEWAY},
        description="Starts watch_<model> after every so many new requests (the spec's drift.rows), and every quarter "
        "of an hour in which there were any.",
    )
    def _traffic(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        specs, now = specs_of(context.repository_def), time.time()
        try:
            totals = ports.gateway(context).totals()
        except IntermodalError as error:
            return dg.SensorResult(skip_reason=dg.SkipReason(error.message), cursor=context.cursor)
        before = remembered(context, partial(_parse, now)) or {}
        seen = {name: _last(before.get(name), totals.get(name, Totals()).requests, now) for name in specs}
        new = {name: totals.get(name, Totals()).requests - look.requests for name, look in seen.items()}
        waiting, quiet_runs = _waiting(context.instance)
        busy = [name for name in specs if new[name] >= specs[name].drift.rows and name not in waiting]
        quiet = [name for name in specs if new[name] and now - seen[name].time >= QUIET_SECONDS]
        quiet = sorted({*quiet} - {*busy} - waiting, key=lambda name: seen[name].time)
        quiet = quiet[: max(0, MAX_QUIET_RUNS - quiet_runs)]
        seen.update((name, Look(totals[name].requests, now)) for name in [*busy, *quiet])
        kept = {name: astuple(look) for name, look in seen.items() if totals.get(name, Totals()).requests}
        return dg.SensorResult(
            run_requests=[
                *(dg.RunRequest(job_name=f"watch_{name}", tags={WATCH_TAG: name}) for name in busy),
                *(dg.RunRequest(job_name=f"watch_{name}", tags={WATCH_TAG: name, QUIET_TAG: "yes"}) for name in quiet),
            ],
            cursor=json.dumps(kept),
            skip_reason=None if busy or quiet else dg.SkipReason(_next_models(specs, new)),
        )

    return _traffic


def _last(known: Look | None, requests: int, now: float) -> Look:
    """The last look at a model; a model without any request before was never looked at."""
    if known is None:
        return Look(0, now)
    return replace(known, requests=0) if requests < known.requests else known  # the gateway was started anew


def _next_models(specs: Mapping[str, ModelSpec], new: Mapping[str, int]) -> str:
    """The models that come next: their requests since they were watched, and how many are enough."""
    enough = {name: spec.drift.rows for name, spec in specs.items()}
    names = sorted(new, key=lambda name: new[name] / enough[name], reverse=True)[:LISTED_MODELS]
    counts = [f"{name} {new[name]} of {enough[name]} requests" for name in names]
    return f"No model had enough requests since it was last watched: {', '.join(counts) or 'there is none'}."


def _waiting(instance: dg.DagsterInstance) -> tuple[set[str], int]:
    """Models whose last run has not begun or not ended yet: another one would see nothing that it does not. And how
    many of those runs watch quiet models."""
    tags = [run.tags for run in instance.get_runs(dg.RunsFilter(statuses=RUNNING)) if WATCH_TAG in run.tags]
    return {each[WATCH_TAG] for each in tags}, sum(QUIET_TAG in each for each in tags)


def _parse(now: float, data: Mapping[str, Any]) -> dict[str, Look]:
    """Until a version ago it was the requests alone."""
    pairs = {name: (each, now) if isinstance(each, int) else each for name, each in data.items()}
    return {name: Look(int(requests), float(then)) for name, (requests, then) in pairs.items()}
