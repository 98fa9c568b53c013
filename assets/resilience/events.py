"""Observations that a failover and a recovery report on assets: the current route, incidents, mirror and endpoint.

They are observations, not materializations, because no asset was made: the sensor ``deployments`` compares the code
versions of the last materializations, which must stay those of the last deployment (docs/adr/0027).
"""

from typing import Any

import dagster as dg

from intermodal.assets.deployment.endpoint import COLD_STATE
from intermodal.assets.keys import endpoint_key, key, mirror_key
from intermodal.assets.resilience.incidents import incidents_metadata
from intermodal.assets.resilience.timeline import timeline_metadata
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.context import FailoverContext, listed
from intermodal.platform.resilience.failover_plan import desired_replicas
from intermodal.platform.spec import ModelSpec


def observe_model(context: dg.OpExecutionContext, ctx: FailoverContext, spec: ModelSpec) -> None:
    """Report the current route, the incidents and the timeline."""
    route = ctx.gateway.route(spec.name)
    if route is not None:
        metadata: dict[str, Any] = {
            "version": route.version,
            "url": dg.MetadataValue.url(f"{ctx.gateway.url}/v2/models/{spec.name}"),
            **{f"weight_{target}": weight for target, weight in route.weights.items()},
            "unavailable": listed(ctx.unavailable(spec.name)) or "none",
        }
        _observe(context, key(spec, "route"), "traffic was shifted", metadata)
    known = ctx.incidents.all(spec.name)
    _observe(context, key(spec, "incidents"), "", incidents_metadata(known))
    _observe(context, key(spec, "timeline"), "", timeline_metadata(context.instance, spec, known))


def observe_target(context: dg.OpExecutionContext, ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> None:
    """Report mirror and endpoint of the recovered target, as a deployment does; nothing if it does not answer."""
    target, version = incident.target, ctx.route(spec.name).version
    endpoint: dict[str, Any] = {"target": str(target), "version": version, "incident": incident.id}
    try:
        served = ctx.targets[target].describe(endpoint_name(spec.name, version, ctx.deployment.environment))
    except IntermodalError as error:
        context.log.warning("%s does not describe its endpoint: %s", target, error)
        return
    if served is None:
        endpoint["state"] = COLD_STATE
    else:
        endpoint |= {
            "name": served.name,
            "url": dg.MetadataValue.url(served.url),
            "state": served.state,
            "replicas": desired_replicas(spec, ctx.unavailable(spec.name)).get(target, 0),
            "verified": "its predictions equal the golden predictions",
        }
    uri = ctx.stores[target.site].uri(prefix(spec.name, version))
    mirror = {"version": version, "uri": uri, "incident": incident.id}
    _observe(context, mirror_key(spec, target.site), "the target recovered", mirror)
    _observe(context, endpoint_key(spec, target), "the target recovered", endpoint)


def _observe(
    context: dg.OpExecutionContext, asset_key: dg.AssetKey, description: str, metadata: dict[str, Any]
) -> None:
    context.log_event(dg.AssetObservation(asset_key, description=description or None, metadata=metadata))
