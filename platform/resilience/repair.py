"""The mirror of an unavailable target: what differs from its manifest is named in the incident, and repaired."""

from collections.abc import Collection, Mapping

from intermodal.platform.catalogue import store_name
from intermodal.platform.deployment.copying import differences
from intermodal.platform.deployment.mirror_repair import NoSource, copy_anew, named
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import current_round
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target, sites_of


def note_damage(ctx: FailoverContext, spec: ModelSpec, incident: Incident) -> Incident:
    """Note in the incident which files of the target's mirror were changed, by their ETags. Nothing depends on it: a
    target that does not answer is called once, for two seconds at most, and what fails here is left to the recovery."""
    target = incident.target
    try:
        if target not in ctx.targets or not ctx.targets[target].answers():
            return incident
        route, keys = ctx.route(spec.name), ctx.deployment.trusted_keys
        found = differences(ctx.stores[target.site], spec.name, route.identity, keys, read=False)
    except IntermodalError as error:
        ctx.log.warning("whether the mirror at %s is whole is not known: %s", target.site, error)
        return incident
    return _note(ctx, incident, found)


def ensure_mirror(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, unavailable: Collection[Target]
) -> Incident:
    """Read every object of the target's mirror, and copy the package anew unless all are as the manifest says.

    The errors of ``copy_anew``. When there is no source, the incident says what to do.
    """
    site, key = incident.target.site, str(current_round(incident))
    identity, keys = ctx.identity(spec.name, version), ctx.deployment.trusted_keys
    try:
        found = differences(ctx.stores[site], spec.name, identity, keys)
        whole = not found
    except NotFound:  # never mirrored here, or a copy was killed
        found, whole = {}, False
    incident, origin = _note(ctx, incident, found), ""
    if not whole:
        others = sites_of(other for other in spec.failover_order if other not in unavailable)
        try:
            origin = copy_anew(ctx.registry, ctx.stores, others, site, spec.name, identity, keys, ctx.log)
        except NoSource as error:
            ctx.note(incident, "note", f"no-source-{key}", str(error))
            raise
    if not incident.has("damaged", key):
        return incident
    source = f"from {origin}: " if origin else "and "
    text = f"the package in {store_name(site)} was repaired {source}every file has the hash of its manifest"
    return ctx.note(incident, "repaired", key, text)


def _note(ctx: FailoverContext, incident: Incident, found: Mapping[str, str]) -> Incident:
    if not found:
        return incident
    for path, why in sorted(found.items()):
        ctx.log.warning("%s: %s %s", store_name(incident.target.site), path, why)
    return ctx.note(incident, "damaged", str(current_round(incident)), named(incident.target.site, found))
