"""``<model>/mirror/<store>``: a verified copy of the champion's artifacts in a site's object store."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import incident_of_site, not_deployed, skipped_check
from intermodal.assets.keys import Context, attributes, key, mirror_key, with_cached_signature
from intermodal.platform.catalogue import store_adapter
from intermodal.platform.deployment.copying import unsigned
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.protocol.manifest import MANIFEST, SIGNATURE
from intermodal.platform.protocol.signing import verify_folder
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site


def prefix_of(version: RegisteredVersion) -> str:
    return prefix(version.model, version.version)


def mirror(spec: ModelSpec, site: Site) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            *mirror_key(spec, site).path[1:],
            kinds=set(store_adapter(site.cloud).kinds),
            description=f"A verified copy of the champion's artifacts at {site}.",
        ),
        deps=[key(spec, "version")],
        required_resource_keys={ports.REGISTRY, ports.INCIDENTS, ports.STORES, ports.DEPLOYMENT},
    )
    @with_cached_signature
    def _mirror(context: Context) -> dg.MaterializeResult[None]:
        registry, store = ports.registry(context), ports.stores(context).get(site)
        champion = champion_of(registry, spec.name)
        if (incident := incident_of_site(context, spec, site)) is not None:
            return not_deployed(incident, champion.version)
        with TemporaryDirectory() as folder:
            source = registry.download(champion.candidate, Path(folder))
            if keys := ports.deployment(context).trusted_keys:
                verify_folder(source, keys)
            report = store.mirror(source, champion.candidate.manifest, prefix_of(champion))
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "uri": report.uri,
                "digest": report.digest,
                "copied": len(report.copied),
                "kept": len(report.kept),
                "repaired": len(report.repaired),
                "removed": len(report.removed),
                "bytes_copied": report.bytes_copied,
                "seconds": round(report.seconds, 3),
            },
            data_version=dg.DataVersion(report.digest),
        )

    return _mirror


def mirror_verified(spec: ModelSpec, site: Site) -> dg.AssetChecksDefinition:
    """Every object of the mirror is read back, its hash is compared, and the signature is verified."""

    @dg.asset_check(
        asset=mirror_key(spec, site),
        name="mirror_verified",
        blocking=True,
        description="Every object was read back and has the SHA-256 of the manifest, which a trusted key signed.",
        required_resource_keys={ports.REGISTRY, ports.INCIDENTS, ports.STORES, ports.DEPLOYMENT},
    )
    @with_cached_signature
    def _verified(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        store = ports.stores(context).get(site)
        if (incident := incident_of_site(context, spec, site)) is not None:
            return skipped_check(incident)
        champion = champion_of(ports.registry(context), spec.name)
        manifest, where = champion.candidate.manifest, prefix_of(champion)
        damaged = dict(store.damaged(manifest, where))
        if reason := unsigned(store, manifest, where, ports.deployment(context).trusted_keys):
            damaged.setdefault(SIGNATURE, reason)
        if damaged:  # a prefix without a manifest is no mirror: the next run reads and repairs every object
            store.delete(f"{prefix_of(champion)}/{MANIFEST}")
        return dg.AssetCheckResult(
            passed=not damaged,
            metadata={
                "digest": champion.candidate.manifest.digest,
                "files": len(champion.candidate.manifest.files),
                "damaged": damaged,
            },
        )

    return _verified
