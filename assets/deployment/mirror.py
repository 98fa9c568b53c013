"""``<model>/mirror/<cloud>``: a verified copy of the champion's artifacts in a cloud's object store."""

from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import incident_of, not_deployed, not_looked_at
from intermodal.assets.keys import STORE_KINDS, Context, attributes, key, signed
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.protocol.manifest import MANIFEST
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud


def prefix_of(version: RegisteredVersion) -> str:
    return prefix(version.model, version.version)


def mirror(spec: ModelSpec, cloud: Cloud) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec, "mirror", cloud, kinds=STORE_KINDS[cloud], description=f"The champion's artifacts in {cloud}."
        ),
        deps=[key(spec, "version")],
        required_resource_keys={ports.REGISTRY, ports.INCIDENTS, ports.store_key(cloud)},
    )
    @signed
    def _mirror(context: Context) -> dg.MaterializeResult[None]:
        registry, store = ports.registry(context), ports.store(context, cloud)
        champion = champion_of(registry, spec.name)
        if (incident := incident_of(context, spec, cloud)) is not None:
            return not_deployed(incident, champion.version)
        with TemporaryDirectory() as folder:
            source = registry.download(champion.candidate, Path(folder))
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


def mirror_verified(spec: ModelSpec, cloud: Cloud) -> dg.AssetChecksDefinition:
    """Every object is read back and hashed."""

    @dg.asset_check(
        asset=key(spec, "mirror", cloud),
        name="mirror_verified",
        blocking=True,
        description="Every object, read back, has the SHA-256 that the manifest states.",
        required_resource_keys={ports.REGISTRY, ports.INCIDENTS, ports.store_key(cloud)},
    )
    @signed
    def _verified(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        store = ports.store(context, cloud)
        if (incident := incident_of(context, spec, cloud)) is not None:
            return not_looked_at(incident)
        champion = champion_of(ports.registry(context), spec.name)
        damaged = store.damaged(champion.candidate.manifest, prefix_of(champion))
        if damaged:  # without its manifest a prefix is no mirror: the next run reads every object, and repairs
            store.delete(f"{prefix_of(champion)}/{MANIFEST}")
        return dg.AssetCheckResult(
            passed=not damaged,
            metadata={"files": len(champion.candidate.manifest.files), "damaged": dict(damaged)},
        )

    return _verified
