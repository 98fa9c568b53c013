"""Push a version's image with the documents beside it to the registries of sites, or copy it from one to another."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from intermodal.platform import ports
from intermodal.platform.deployment.image_signature import as_attachment, sign_image, verify_image
from intermodal.platform.deployment.images import PushedImage, document_key, pushed_image
from intermodal.platform.errors import IntermodalError, NotFound, UntrustedPackage
from intermodal.platform.ports.images import Attachment, PushReport
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Site

log = logging.getLogger(__name__)


def signature_of(
    signer: ports.Signer, digest: str, model: str, version: Identity, stores: Iterable[ports.ObjectStore]
) -> str:
    """The signature of the image ``digest`` by the signer's own key: one that a store has, else a new one, since each
    signing gives other bytes, which registries would keep beside the image. '' without a key."""
    key = signer.key
    if key is None:
        return ""
    for store in stores:
        try:
            found = pushed_image(store, model, version).signature
            verify_image(found.encode(), digest, [key], digest, model, version.digest)
        except UntrustedPackage:
            continue
        except IntermodalError as error:
            log.info("%s has no signature of %s: %s", store.site, digest, error)
            continue
        return found
    return sign_image(digest, model, version.digest, signer.sign, key).decode()


def push_image(
    images: ports.Images,
    sites: Sequence[Site],
    layout: Path,
    model: str,
    version: str,
    documents: Sequence[Attachment] = (),
    signature: str = "",
) -> tuple[Mapping[Site, PushReport], Mapping[Site, IntermodalError]]:
    """Push to all sites side by side, with ``documents`` and the signature beside the image. One that fails stops no
    other."""
    beside = (*documents, *([as_attachment(signature.encode())] if signature else []))

    def push(site: Site) -> PushReport | IntermodalError:
        try:
            registry = images.get(site)
            report = registry.push(layout, registry.repository(model), tag=version)
            for document in beside:
                registry.attach(registry.repository(model), report.digest, document)
        except IntermodalError as error:
            return error
        return report

    with ThreadPoolExecutor() as pool:
        done = dict(zip(sites, pool.map(push, sites), strict=True))
    reports = {site: report for site, report in done.items() if isinstance(report, PushReport)}
    return reports, {site: error for site, error in done.items() if isinstance(error, IntermodalError)}


def is_pushed(registry: ports.ImageRegistry, store: ports.ObjectStore, model: str, version: Identity) -> bool:
    """Whether the site's registry has the image that its store names. Errors of either that are no answer."""
    try:
        pushed = pushed_image(store, model, version)
    except NotFound:
        return False
    if str(registry.site) not in pushed.references:
        return False
    return registry.digest_of(registry.repository(model), pushed.digest) == pushed.digest


def copy_image(
    model: str,
    version: Identity,
    site: Site,
    sources: Iterable[Site],
    store_of: Callable[[Site], ports.ObjectStore],
    registry_of: Callable[[Site], ports.ImageRegistry],
    folder: Path,
) -> PushedImage:
    """Push the version's image with its documents to ``site``, from the registry of the first of ``sources`` that has
    it, and write the site's document. Raises the last error when none has it."""
    failed: IntermodalError = NotFound(
        f"No registry has the image of {model} {version.version}.", hint=f"Materialize {model}/image again."
    )
    for source in sources:
        try:
            pushed, registry = pushed_image(store_of(source), model, version), registry_of(source)
            layout, repository = folder / str(source), registry.repository(model)
            registry.pull(repository, pushed.digest, layout)
            documents = [
                Attachment(found.kind, registry.read_attached(repository, found.digest), found.annotations)
                for found in registry.attached(repository, pushed.digest)
            ]
        except IntermodalError as error:
            log.warning("%s does not provide the image of %s %s: %s", source, model, version.version, error)
            failed = error
            continue
        target = registry_of(site)
        report = target.push(layout, target.repository(model), tag=version.version)
        for document in documents:
            target.attach(target.repository(model), report.digest, document)
        copied = pushed.with_reference(site, report.reference)
        store_of(site).put(document_key(model, version.version), copied.to_json())
        return copied
    raise failed
