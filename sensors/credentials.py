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
    renewed: list[str] = []
    failed: list[str] = []
    for model in gateway.models():
        route, expiry = gateway.route(model), gateway.credential_expiry(model)
        for target in TARGETS:
            if route is None or expiry.get(target.cloud, float("inf")) - time.time() > MARGIN_SECONDS:
                continue
            place = resources.place(context, target)
            try:
                served = place.describe(endpoint_name(model, route.version, deployment.environment))
                if served is None:
                    failed.append(f"{model} on {target.cloud}: its endpoint is gone")
                    continue
                gateway.renew(model, place.upstream(served))
                renewed.append(f"{model} on {target.cloud}")
            except IntermodalError as error:
                # One cloud that is down must not keep the others from being renewed; the next tick tries again.
                failed.append(f"{model} on {target.cloud}: {error.message}")
    if failed:
        context.log.warning("not renewed: %s", "; ".join(failed))
    words = [f"Renewed: {', '.join(renewed)}."] if renewed else []
    words += [f"Not renewed: {'; '.join(failed)}."] if failed else []
    return dg.SkipReason(" ".join(words) or "No credential expires soon.")
