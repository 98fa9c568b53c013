"""The check ``mirror_unchanged``: what serves now is still in the bucket as it was mirrored. Costs a listing."""

import hashlib
from collections.abc import Mapping
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import incident_of_site, skipped_check, unavailable_targets
from intermodal.assets.failover_context import BuiltOnUse
from intermodal.assets.keys import mirror_key, with_cached_signature
from intermodal.platform.catalogue import store_name
from intermodal.platform.deployment.copying import differences
from intermodal.platform.deployment.mirror_repair import copy_anew, named
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, sites_of

NAME = "mirror_unchanged"


def check_key(spec: ModelSpec, site: Site) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(mirror_key(spec, site), NAME)


def mirror_unchanged(spec: ModelSpec, site: Site) -> dg.AssetChecksDefinition:
    """The mirror of the version that the route serves, compared with its manifest by ETag: in ``watch_<model>``, and in
    each deployment. A mirror that differs fails the check, is repaired at once, and people are notified: its endpoints
    serve from memory, and their next replica would refuse to start."""

    @dg.asset_check(
        asset=mirror_key(spec, site),
        name=NAME,
        description="Every object of the served version is as it was mirrored. One that is not is repaired.",
        required_resource_keys={
            *(ports.REGISTRY, ports.GATEWAY, ports.INCIDENTS),
            *(ports.STORES, ports.DEPLOYMENT, ports.NOTIFICATIONS),
        },
    )
    @with_cached_signature
    def _unchanged(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        if (incident := incident_of_site(context, spec, site)) is not None:
            return skipped_check(incident)
        route, keys = ports.gateway(context).route(spec.name), ports.deployment(context).trusted_keys
        if route is None or all(target.site != site for target in route.weights):
            return dg.AssetCheckResult(passed=True, metadata={"state": "nothing is served from here"})
        try:
            found = differences(ports.stores(context).get(site), spec.name, route.identity, keys, read=False)
        except NotFound:
            found = {MANIFEST: "is missing"}
        except IntermodalError as error:  # an outage is the sensor outage's to find
            context.log.warning("%s was not compared: %s", store_name(site), error)
            return dg.AssetCheckResult(passed=True, metadata={"state": f"not compared: {error.message}"})
        if not found:
            return dg.AssetCheckResult(passed=True, metadata={"version": route.version})
        outcome = _repaired(context, spec, site, route.identity)
        _notify(context, spec, site, found, outcome)
        metadata: dict[str, Any] = {"version": route.version, "damaged": dict(found), "outcome": outcome}
        return dg.AssetCheckResult(passed=False, metadata=metadata)

    return _unchanged


def _repaired(context: Any, spec: ModelSpec, site: Site, version: Identity) -> str:
    """What became of the repair, as a sentence. One that failed is tried again by the next run."""
    unavailable = unavailable_targets(context, spec)
    others = sites_of(target for target in spec.failover_order if target not in unavailable)
    stores = BuiltOnUse({site, *others}, ports.stores(context).get)
    keys, registry = ports.deployment(context).trusted_keys, ports.registry(context)
    try:
        source = copy_anew(registry, stores, others, site, spec.name, version, keys, context.log)
    except IntermodalError as error:
        return f"It was not repaired: {error}"
    return f"It was repaired from {source}."


def _notify(context: Any, spec: ModelSpec, site: Site, found: Mapping[str, str], outcome: str) -> None:
    """Once for each difference and outcome. The result stands also if the notice cannot be delivered."""
    sentence = named(site, found)
    event = hashlib.sha256(f"{sorted(found.items())} {outcome}".encode()).hexdigest()[:12]
    notice = Notice(
        severity="warning",
        title=f"{spec.name}: {sentence}",
        text=f"{outcome} Endpoints there serve from memory meanwhile. Find out who wrote to that bucket.",
        owner=spec.owner,
        key=f"mirror-{spec.name}-{site}-{event}",
    )
    try:
        ports.notifications(context).notify(notice)
    except IntermodalError as error:
        context.log.error("the notification failed: %s", error)
