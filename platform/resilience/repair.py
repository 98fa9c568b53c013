"""Repair: the package in an unavailable target's mirror is compared with its manifest, and copied anew if it differs.

May be killed anywhere and repeated, and two may run at once. The source is verified before anything is written. The
manifest is deleted before the first change and written after the last, so a half-written copy is no mirror; every
object is read back before the version is deployed from it.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform.catalogue import store_name
from intermodal.platform.deployment.copying import copy_of, differences
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.protocol.manifest import MANIFEST, Manifest
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import current_round
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, Target, sites_of

MAX_NAMED = 5
"""Paths in one entry."""


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
    return _note_differences(ctx, incident, found)


def ensure_mirror(
    ctx: FailoverContext, spec: ModelSpec, incident: Incident, version: str, unavailable: Collection[Target]
) -> Incident:
    """Read every object of the target's mirror, and copy the package anew unless all are as the manifest says: from the
    registry, else from another available site's mirror that verifies.

    IntermodalError when there is no such source: then nothing was written, and the incident says what to do.
    """
    site, key = incident.target.site, str(current_round(incident))
    store, keys = ctx.stores[site], ctx.deployment.trusted_keys
    identity, where = ctx.identity(spec.name, version), prefix(spec.name, version)
    try:
        found = differences(store, spec.name, identity, keys)
    except NotFound:  # never mirrored here, or a copy was killed
        found = None
    incident = _note_differences(ctx, incident, found or {})
    source_name = ""
    if found is None or found:
        sites = sites_of(other for other in spec.failover_order if other not in unavailable)
        with TemporaryDirectory() as folder:
            try:
                others = [ctx.stores[other] for other in sites if other != site]
                source, manifest = copy_of(ctx.registry, others, spec.name, identity, Path(folder), ctx.log, keys)
            except IntermodalError as error:
                ctx.note(incident, "note", f"no-source-{key}", _no_source(spec, site, version, error))
                raise
            source_name = _source_name(source, Path(folder), sites)
            if found:  # so that every object is read: a damaged one may have the ETag that it had when it was whole
                store.delete(f"{where}/{MANIFEST}")
            store.mirror(source, manifest, where)
        _require_repaired(ctx, spec, site, version, manifest)
    if incident.has("damaged", key):
        origin = f"from {source_name}: " if source_name else "and "
        text = f"the package in {store_name(site)} was repaired {origin}every file has the hash of its manifest"
        incident = ctx.note(incident, "repaired", key, text)
    return incident


def _note_differences(ctx: FailoverContext, incident: Incident, found: Mapping[str, str]) -> Incident:
    if not found:
        return incident
    paths = sorted(found)
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    name = store_name(incident.target.site)
    text = f"the package in {name} differs from its manifest: {', '.join(paths[:MAX_NAMED])}{more}"
    for path in paths[:MAX_NAMED]:
        ctx.log.warning("%s: %s %s", name, path, found[path])
    return ctx.note(incident, "damaged", str(current_round(incident)), text)


def _source_name(source: Path, folder: Path, sites: Collection[Site]) -> str:
    """Where ``copy_of`` took the files from, by the folder that it made for its source."""
    return next((store_name(site) for site in sites if source == folder / str(site)), "the registry")


def _no_source(spec: ModelSpec, site: Site, version: str, error: IntermodalError) -> str:
    return (
        f"no registry and no other site has a package of {version} that verifies, so nothing was overwritten in "
        f"{store_name(site)}: {error.message} Restore the version's files in the registry and start "
        f"recover_{spec.name} again, or deploy another version."
    )


def _require_repaired(ctx: FailoverContext, spec: ModelSpec, site: Site, version: str, manifest: Manifest) -> None:
    """Read every object again. That the manifest is missing is no fault of this copy: a second recovery deletes it
    before it begins, and writes the same bytes."""
    left = dict(ctx.stores[site].damaged(manifest, prefix(spec.name, version)))
    left.pop(MANIFEST, None)
    if left:
        raise Unavailable(
            f"The package in {store_name(site)} was copied anew and still differs from its manifest: "
            f"{', '.join(sorted(left)[:MAX_NAMED])}.",
            hint="Find out what else writes to that bucket.",
        )
