"""Which image a version runs: what was pushed, as a small document that every site's object store has.

It is read without Dagster and without a registry: also by a failover while other clouds are down.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from intermodal.platform import ports
from intermodal.platform.deployment.image_signature import verify_image
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports.registry import Identity
from intermodal.platform.targets import Site

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PushedImage:
    """``digest`` is the image's, ``package`` the version's. ``references`` has ``host/repository@sha256:...`` of each
    site that it was pushed to. ``signature`` is the bundle that is beside the image in each registry; '' if the image
    is not signed. It is here too, so that a deployment needs no registry to verify it."""

    digest: str
    package: str
    references: Mapping[str, str]
    signature: str = ""

    def to_json(self) -> bytes:
        return json.dumps(vars(self), sort_keys=True, indent=1).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> "PushedImage":
        """ValueError, KeyError or TypeError if it is not such a document."""
        document = json.loads(text)
        references = {str(site): str(reference) for site, reference in dict(document["references"]).items()}
        return cls(str(document["digest"]), str(document["package"]), references, str(document.get("signature", "")))

    def with_reference(self, site: Site, reference: str) -> "PushedImage":
        return replace(self, references={**self.references, str(site): reference})


def document_key(model: str, version: str) -> str:
    """The document's key in an object store. It is not below the version's prefix, where a mirror removes what is not
    in the package's manifest."""
    return f"{document_folder(model)}{version}.json"


def document_folder(model: str) -> str:
    """The prefix of the documents of all versions."""
    return f"{model}/images/"


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
    names an image of the site. UntrustedPackage when the image that was pushed is not signed by a trusted key; without
    trusted keys nothing is verified, as for packages. The team's own image is not verified: its reference is a setting.
    """
    if own := deployment.image(store.site):
        return own
    failed: IntermodalError | None = None
    for each in (store, *others):
        try:
            pushed = pushed_image(each, model, version)
            if reference := pushed.references.get(str(store.site)):
                if keys := deployment.trusted_keys:
                    digest = reference.rpartition("@")[2]
                    verify_image(pushed.signature.encode(), digest, keys, reference, model, pushed.package)
                return reference
        except IntermodalError as error:
            log.warning("%s names no image of %s %s: %s", each.site, model, version.version, error)
            failed = failed or error
    raise failed or NotFound(
        f"{model} {version.version} has no image at {store.site}.", hint=f"Materialize {model}/image again."
    )
