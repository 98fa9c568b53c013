"""Which image a version runs: what was pushed, as a small document that every site's object store has.

It is read without Dagster and without a registry: also by a failover while other clouds are down.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.images import PushReport
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PushedImage:
    """``digest`` is the image's, ``package`` the version's. ``references`` has ``host/repository@sha256:...`` of each
    site that it was pushed to."""

    digest: str
    package: str
    references: Mapping[str, str]

    def to_json(self) -> bytes:
        return json.dumps(vars(self), sort_keys=True, indent=1).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "PushedImage":
        """ValueError, KeyError or TypeError if it is not such a document."""
        document = json.loads(text)
        references = {str(site): str(reference) for site, reference in dict(document["references"]).items()}
        return cls(str(document["digest"]), str(document["package"]), references)

    def with_reference(self, site: Site, reference: str) -> "PushedImage":
        return PushedImage(self.digest, self.package, {**self.references, str(site): reference})


def document_key(model: str, version: str) -> str:
    """The document's key in an object store. It is not below the version's prefix, where a mirror removes what is not
    in the package's manifest."""
    return f"{model}/images/{version}.json"


def pushed_image(store: ports.ObjectStore, model: str, version: Identity) -> PushedImage:
    """The document that a site's store has. NotFound if it has none, or one of another package of this number."""
    key = document_key(model, version.version)
    try:
        found = PushedImage.from_json(store.get(key))
    except (ValueError, KeyError, TypeError) as error:
        raise IntermodalError(
            f"{store.uri(key)} is damaged: {error!r}.", hint=f"Materialize {model}/image again."
        ) from error
    if not version.same_as(Identity(version.version, found.package)):
        raise NotFound(
            f"{store.uri(key)} is of another package of {model} {version.version}.",
            hint=f"Materialize {model}/image again.",
        )
    return found


def image_of(
    deployment: ports.Deployment,
    store: ports.ObjectStore,
    model: str,
    version: Identity,
    others: Iterable[ports.ObjectStore] = (),
) -> str:
    """The reference of the image that the version runs at the store's site: the team's own, or what was pushed there.

    ``others`` are read when that store does not answer or has no document. Raises the first store's error when none
    names an image of the site.
    """
    if own := deployment.image(store.site):
        return own
    failed: IntermodalError | None = None
    for each in (store, *others):
        try:
            if reference := pushed_image(each, model, version).references.get(str(store.site)):
                return reference
        except IntermodalError as error:
            log.warning("%s names no image of %s %s: %s", each.site, model, version.version, error)
            failed = failed or error
    raise failed or NotFound(
        f"{model} {version.version} has no image at {store.site}.", hint=f"Materialize {model}/image again."
    )


def push_image(
    images: ports.Images, sites: Sequence[Site], layout: Path, model: str, version: str
) -> tuple[Mapping[Site, PushReport], Mapping[Site, IntermodalError]]:
    """Push to all sites side by side. One that fails stops no other."""

    def push(site: Site) -> PushReport | IntermodalError:
        try:
            registry = images.get(site)
            return registry.push(layout, registry.repository(model), tag=version)
        except IntermodalError as error:
            return error

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
    """Push the version's image to ``site``, from the registry of the first of ``sources`` that has it, and write the
    site's document. Raises the last error when none has it."""
    failed: IntermodalError = NotFound(
        f"No registry has the image of {model} {version.version}.", hint=f"Materialize {model}/image again."
    )
    for source in sources:
        try:
            pushed, registry = pushed_image(store_of(source), model, version), registry_of(source)
            layout = folder / str(source)
            registry.pull(registry.repository(model), pushed.digest, layout)
        except IntermodalError as error:
            log.warning("%s does not provide the image of %s %s: %s", source, model, version.version, error)
            failed = error
            continue
        target = registry_of(site)
        report = target.push(layout, target.repository(model), tag=version.version)
        copied = pushed.with_reference(site, report.reference)
        store_of(site).put(document_key(model, version.version), copied.to_json())
        return copied
    raise failed
