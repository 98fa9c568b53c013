"""Keep the gateway's credentials fresh: identity tokens of Cloud Run live for an hour."""

import time

import dagster as dg

from intermodal.assets import resources
from intermodal.platform.clouds import TARGETS
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.errors import IntermodalError

MARGIN_SECONDS = 25 * 60
"""Renewed this long before they expire, so that a few failed ticks do no harm."""


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={
        *(resources.GATEWAY, resources.DEPLOYMENT),
        *(resources.target_key(target) for target in TARGETS),
    },
    description="Renews a credential that the gateway adds for an upstream before it expires.",
)
def gateway_credentials(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    gateway, deployment = resources.gateway(context), resources.deployment(context)
    done: list[str] = []
    for model in gateway.models():
        route = gateway.route(model)
        expiry = gateway.credential_expiry(model)
        for target in TARGETS:
            if route is None or expiry.get(target.cloud, float("inf")) - time.time() > MARGIN_SECONDS:
                continue
            place = resources.place(context, target)
            try:
                served = place.describe(endpoint_name(model, route.version, deployment.environment))
                if served is not None:
                    gateway.renew(model, place.upstream(served))
                    done.append(f"{model} on {target.cloud}")
            except IntermodalError as error:
                # One cloud that is down must not keep the others from being renewed; the next tick tries again.
                context.log.warning("%s on %s was not renewed: %s", model, target.cloud, error)
    return dg.SkipReason(f"Renewed: {', '.join(done)}." if done else "No credential expires soon.")
