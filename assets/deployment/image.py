"""``<model>/image``: the champion's image, built once and pushed by digest to the registry of every site."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.incident_gate import incident_of_site
from intermodal.assets.keys import Context, attributes, image_key, key, with_cached_signature
from intermodal.platform.deployment import images
from intermodal.platform.deployment.image_push import push_image, signature_of
from intermodal.platform.protocol.signing import verify_folder
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site

OWN_IMAGE = "nothing was built: the settings name an image for every site"
RESOURCES = frozenset(
    {ports.REGISTRY, ports.DEPLOYMENT, ports.INCIDENTS, ports.STORES, ports.IMAGES, ports.IMAGE_BUILDER}
)


def pushed_sites(context: object, spec: ModelSpec) -> list[Site]:
    """The sites whose endpoints run the built image, without those that an open incident keeps from being deployed to.
    A recovery pushes there later."""
    deployment = ports.deployment(context)
    reached = [site for site in spec.sites if incident_of_site(context, spec, site) is None]
    return [site for site in reached if not deployment.image(site)]


def image(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "image",
            kinds={"docker", "oci"},
            description="The champion's image, pushed by digest to the registry of every site.",
        ),
        deps=[key(spec, "version")],
        required_resource_keys={*RESOURCES, ports.SIGNER},
    )
    @with_cached_signature
    def _image(context: Context) -> dg.MaterializeResult[None]:
        registry, stores, registries = ports.registry(context), ports.stores(context), ports.images(context)
        champion, sites = champion_of(registry, spec.name), pushed_sites(context, spec)
        package = champion.candidate.manifest.digest
        if not sites:
            return dg.MaterializeResult(
                metadata={"version": champion.version, "state": OWN_IMAGE},
                data_version=dg.DataVersion(f"own-{package}"),
            )
        with TemporaryDirectory() as folder:
            Path(folder, "version").mkdir()
            source = registry.download(champion.candidate, Path(folder, "version"))
            if keys := ports.deployment(context).trusted_keys:
                verify_folder(source, keys)
            started = time.perf_counter()
            layout = Path(folder, "layout")
            built = ports.image_builder(context).build(source, champion.version, package, layout)
            seconds = time.perf_counter() - started
            identity = champion.identity
            signature = signature_of(ports.signer(context), built.digest, spec.name, identity, map(stores.get, sites))
            reports, failed = push_image(
                registries, sites, layout, spec.name, champion.version, built.documents, signature
            )
        references = {str(site): report.reference for site, report in reports.items()}
        document = images.PushedImage(built.digest, package, references, signature).to_json()
        for site in reports:
            stores.get(site).put(images.document_key(spec.name, champion.version), document)
        for site, error in failed.items():
            context.log.error("%s has no image: %s", site, error)
        if failed:
            raise next(iter(failed.values()))
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "digest": built.digest,
                "bytes": built.size,
                **{f"bytes_{name}": size for name, size in built.layers.items()},
                "build_seconds": round(seconds, 3),
                **{f"bytes_pushed_{site}": report.bytes_pushed for site, report in reports.items()},
                **{f"push_seconds_{site}": round(report.seconds, 3) for site, report in reports.items()},
                "references": references,
                "documents": sorted(document.kind for document in built.documents),
                "signed": bool(signature),
            },
            data_version=dg.DataVersion(built.digest),
        )

    return _image


def digest_equal(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Every site's registry has the same digest for the version, and it is what will be deployed there."""

    @dg.asset_check(
        asset=image_key(spec),
        name="digest_equal",
        blocking=True,
        description="The registry of every site names one digest, which is what endpoints are deployed by.",
        required_resource_keys=set(RESOURCES - {ports.IMAGE_BUILDER}),
    )
    @with_cached_signature
    def _equal(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        champion, sites = champion_of(ports.registry(context), spec.name), pushed_sites(context, spec)
        if not sites:
            return dg.AssetCheckResult(passed=True, metadata={"state": OWN_IMAGE})
        found, wrong = dict[str, str](), dict[str, str]()
        for site in sites:
            registry, store = ports.images(context).get(site), ports.stores(context).get(site)
            wanted = images.pushed_image(store, spec.name, champion.identity)
            digest = registry.digest_of(registry.repository(spec.name), champion.version)
            found[str(site)] = digest or "no image"
            if digest != wanted.digest or not wanted.references.get(str(site), "").endswith(f"@{digest}"):
                wrong[str(site)] = f"{digest or 'no image'}, deployed by {wanted.digest}"
        return dg.AssetCheckResult(
            passed=not wrong and len(set(found.values())) == 1, metadata={"digests": found, "wrong": wrong}
        )

    return _equal
