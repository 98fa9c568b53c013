"""Ends a disturbance that a drill left on: its run was killed, and nobody else would take it back."""

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.drill import drilling_now
from intermodal.platform.errors import IntermodalError


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={ports.GATEWAY},
    description="Takes back what a drill did to the gateway, when the drill's run is gone or its time is over.",
)
def drills(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    gateway = ports.gateway(context)
    try:
        left = gateway.disturbances()
        if not left:
            return dg.SkipReason("No drill is on.")
        if drilling_now(context.instance):
            return dg.SkipReason(f"A drill is on: {', '.join(left)}.")
        for cloud in left:
            gateway.disturb(cloud, None)
    except IntermodalError as error:
        return dg.SkipReason(error.message)
    return dg.SkipReason(f"Ended what a drill left on: {', '.join(left)}.")
