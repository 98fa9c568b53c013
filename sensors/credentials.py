"""Keep the gateway's credentials fresh: identity tokens of Cloud Run live for an hour."""

import time

import dagster as dg

from intermodal.assets import resources
from intermodal.platform.clouds import TARGETS
from intermodal.platform.endpoints import Endpoint, endpoint_name
from intermodal.platform.errors import IntermodalError

MARGIN_SECONDS = 25 * 60
"""Renewed this long before they expire, so that a few failed ticks do no harm."""
NEAR_SECONDS = 20 * 60
"""A credential of an upstream with traffic that cannot be renewed so shortly before it expires makes the tick fail: by
then three more ticks are left, after which the heartbeat wakes somebody."""


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
    gateway, environment = resources.gateway(context), resources.deployment(context).environment
    renewed: list[str] = []
    failed: list[str] = []
    urgent: list[str] = []
    for model in gateway.models():
        try:
            route, expiry, urls = gateway.route(model), gateway.credential_expiry(model), gateway.addresses(model)
        except IntermodalError as error:
            urgent.append(f"{model}: {error.message}")  # nobody knows when its credentials expire
            continue
        for target in TARGETS:
            left = expiry.get(target.cloud, float("inf")) - time.time()
            if route is None or target.cloud not in urls or left > MARGIN_SECONDS:
                continue
            # The cloud is not asked for the endpoint: its API may be down for hours while the endpoint serves.
            name = endpoint_name(model, route.version, environment)
            served = Endpoint(target, name, model, route.version, urls[target.cloud], "ready")
            try:
                gateway.renew(model, resources.place(context, target).upstream(served))
                renewed.append(f"{model} on {target.cloud}")
            except IntermodalError as error:
                # One cloud that is down must not keep the others from being renewed; the next tick tries again.
                late = left < NEAR_SECONDS and target.cloud in route.serving
                (urgent if late else failed).append(f"{model} on {target.cloud}: {error.message}")
    if failed:
        context.log.warning("not renewed: %s", "; ".join(failed))
    if urgent:
        raise IntermodalError(
            f"Credentials of the gateway expire soon and could not be renewed: {'; '.join(urgent)}",
            hint="Without them the cloud refuses the gateway's requests. See that what gives them answers from here.",
        )
    words = [f"Renewed: {', '.join(renewed)}."] if renewed else []
    words += [f"Not renewed: {'; '.join(failed)}."] if failed else []
    return dg.SkipReason(" ".join(words) or "No credential expires soon.")
