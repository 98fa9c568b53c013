"""Ends a disturbance that a drill left on: its run was killed, and nothing else would take it back.

Disturbances and runs are those of the whole platform: drills of other code locations count as well.
"""

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.resilience.drill import active_drills
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
        left = sorted(gateway.disturbances())
        names = ", ".join(map(str, left))
        if not left:
            return dg.SkipReason("No drill is on.")
        if active_drills(context.instance):
            return dg.SkipReason(f"A drill is on: {names}.")
        for target in left:
            gateway.disturb(target, None)
    except IntermodalError as error:
        return dg.SkipReason(error.message)
    return dg.SkipReason(f"Ended what a drill left on: {names}.")
