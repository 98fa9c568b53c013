"""Looks at a model when enough was asked of it: models without traffic cost nothing."""

import json
from collections.abc import Mapping

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.runs import RUNNING
from intermodal.assets.specs import specs_of
from intermodal.assets.watching import WATCH
from intermodal.platform.drills import Totals
from intermodal.platform.errors import IntermodalError
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.targets import JobDefinitions

SHOWN = 3
"""Models in the reason for a skip."""


def traffic(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``watch_<model>`` jobs of all models: what it may ask for."""

    @dg.sensor(
        name="traffic",
        jobs=jobs,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resources.GATEWAY},
        description="Starts watch_<model> after every so many new requests (the spec's drift.rows).",
    )
    def _traffic(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        assert context.repository_def is not None
        specs, seen = specs_of(context.repository_def), _seen(context)
        try:
            totals = resources.gateway(context).totals()
        except IntermodalError as error:
            return dg.SensorResult(skip_reason=dg.SkipReason(error.message), cursor=context.cursor)
        requests, waiting = [], _waiting(context.instance)
        for name, spec in specs.items():
            now, before = totals.get(name, Totals()).requests, seen.get(name, 0)
            if now < before:  # the gateway was started anew and counts from zero
                before = 0
            if now - before >= spec.drift.rows and name not in waiting:
                requests.append(dg.RunRequest(job_name=f"watch_{name}", tags={WATCH: name}))
                before = now
            seen[name] = before
        kept = {name: count for name, count in seen.items() if name in specs and count}
        skip = None if requests else dg.SkipReason(_waits(specs, totals, kept))
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(kept), skip_reason=skip)

    return _traffic


def _waits(specs: Mapping[str, ModelSpec], totals: Mapping[str, Totals], seen: Mapping[str, int]) -> str:
    """The models that come next: how often they were asked since they were looked at, and how often is enough."""
    asked = {
        name: (totals.get(name, Totals()).requests - seen.get(name, 0), one.drift.rows) for name, one in specs.items()
    }
    next_ones = sorted(asked, key=lambda name: asked[name][0] / asked[name][1], reverse=True)[:SHOWN]
    told = [f"{name} {asked[name][0]} of {asked[name][1]} requests" for name in next_ones]
    return f"No model was asked often enough since it was last looked at: {', '.join(told) or 'there is none'}."


def _waiting(instance: dg.DagsterInstance) -> set[str]:
    """Models whose last look has not begun or not ended yet: another one would see nothing that it does not."""
    return {run.tags[WATCH] for run in instance.get_runs(dg.RunsFilter(statuses=RUNNING)) if WATCH in run.tags}


def _seen(context: dg.SensorEvaluationContext) -> dict[str, int]:
    """Requests of each model when it was last looked at."""
    try:
        return {str(name): int(count) for name, count in json.loads(context.cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError) as error:
        context.log.warning("the cursor was not readable and starts anew: %s", error)
        return {}
