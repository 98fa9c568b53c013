"""Ends a disturbance that a drill left on: its run was killed, and nobody else would take it back."""

import time

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.runs import RUNNING, created_at
from intermodal.assets.watching import DRILL
from intermodal.platform.errors import IntermodalError

GRACE_SECONDS = 60.0
"""How long after its own time a drill's run may still be busy with what it disturbed."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={resources.GATEWAY},
    description="Takes back what a drill did to the gateway, when the drill's run is gone or its time is over.",
)
def drills(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    gateway = resources.gateway(context)
    try:
        left = gateway.disturbances()
        if not left:
            return dg.SkipReason("No drill is on.")
        if any(_lasts(record) for record in context.instance.get_run_records(dg.RunsFilter(statuses=RUNNING))):
            return dg.SkipReason(f"A drill is on: {', '.join(left)}.")
        for cloud in left:
            gateway.disturb(cloud, None)
    except IntermodalError as error:
        return dg.SkipReason(error.message)
    return dg.SkipReason(f"Ended what a drill left on: {', '.join(left)}.")


def _lasts(record: dg.RunRecord) -> bool:
    """Whether this is a drill's run that may still need its disturbance. A killed process leaves its run as started."""
    run = record.dagster_run
    if DRILL not in run.tags:
        return False
    ops = run.run_config.get("ops", {}) if isinstance(run.run_config, dict) else {}
    seconds = max((float(op.get("config", {}).get("seconds", 60)) for op in ops.values()), default=60.0)
    return time.time() < (record.start_time or created_at(record)) + seconds + GRACE_SECONDS
