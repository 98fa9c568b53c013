"""What a failover and a recovery leave on the assets' pages, where a deploy would have left it."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckedMaterialization,
)

from intermodal.assets.deployment.endpoint import COLD
from intermodal.assets.keys import key
from intermodal.assets.resilience.incidents import incidents_metadata
from intermodal.assets.resilience.timeline import timeline_metadata
from intermodal.platform.deployment.requests import prefix, stated
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import wanted
from intermodal.platform.spec import ModelSpec

CODE_VERSION = "dagster/code_version"
"""Dagster's own tag of a materialization, which it sets itself on what an asset's function made."""


def show(context: dg.OpExecutionContext, at: FailoverContext, spec: ModelSpec) -> None:
    """Let the assets' pages say what is now: where the traffic goes, and the incidents."""
    known: Sequence[Incident] = at.incidents.all(spec.name)
    route = at.gateway.route(spec.name)
    if route is not None:
        weights = {f"weight_{cloud}": weight for cloud, weight in route.weights.items()}
        away = ", ".join(sorted(one.cloud for one in known if one.is_open)) or "none"
        url = dg.MetadataValue.url(f"{at.gateway.url}/v2/models/{spec.name}")
        metadata: dict[str, Any] = {"version": route.version, "url": url, **weights, "clouds_away": away}
        tags = _as_deployed(context.instance, key(spec, "route"))
        context.log_event(dg.AssetMaterialization(key(spec, "route"), "moved", metadata=metadata, tags=tags))
    context.log_event(dg.AssetMaterialization(key(spec, "incidents"), metadata=incidents_metadata(known)))
    told = timeline_metadata(context.instance, spec, known)
    context.log_event(dg.AssetMaterialization(key(spec, "timeline"), metadata=told))


def show_cloud(context: dg.OpExecutionContext, at: FailoverContext, spec: ModelSpec, incident: Incident) -> None:
    """What the cloud that was brought back has and runs, as a deploy says it, and that its files and its predictions
    were looked at. It is only told: what cannot be asked any more is left out."""
    cloud, route = incident.cloud, at.route(spec.name)
    place, version = at.places[cloud], route.version
    mirror = {"version": version, "uri": at.stores[cloud].uri(prefix(spec.name, version)), "incident": incident.id}
    endpoint: dict[str, Any] = {"target": str(place.target), "version": version, "incident": incident.id}
    try:
        served = place.describe(endpoint_name(spec.name, version, at.deployment.environment))
    except IntermodalError as error:
        context.log.warning("%s does not say what it runs now: %s", cloud, error)
        return
    if served is None:
        endpoint["state"] = COLD
    else:
        replicas = wanted(spec, at.down(spec.name)).get(cloud, 0)
        url = dg.MetadataValue.url(served.url)
        endpoint |= {"name": served.name, "url": url, "state": served.state, "replicas": replicas}
    deployed = {CODE_VERSION: stated(spec, cloud)}
    for asset, metadata, check, tags in (
        ("mirror", mirror, "mirror_verified", {}),
        ("endpoint", endpoint, "parity", deployed),
    ):
        asset_key = key(spec, asset, cloud)
        context.log_event(dg.AssetMaterialization(asset_key, "brought back", metadata=metadata, tags=tags))
        proved = dg.AssetCheckEvaluation(
            asset_key=asset_key,
            check_name=check,
            passed=True,
            blocking=True,
            metadata={"by": f"the recovery of {incident.id}"},
            target_materialization_data=_newest(context.instance, asset_key),
        )
        context.log_event(proved)  # type: ignore[arg-type]  # taken as well, though not declared


def _as_deployed(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> dict[str, str]:
    """The code version of before: who moves traffic deploys nothing, and what was deployed is not due (ADR 27)."""
    before = instance.get_latest_materialization_code_versions([asset_key])[asset_key]
    return {CODE_VERSION: before} if before else {}


def _newest(instance: dg.DagsterInstance, asset_key: dg.AssetKey) -> CheckedMaterialization | None:
    """What a check is of; of another materialization than the newest it would not count."""
    for record in instance.fetch_materializations(asset_key, limit=1).records:
        return CheckedMaterialization(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)
    return None
