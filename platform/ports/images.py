"""Image registries: where a version's image is pushed, by digest, for the targets of one site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from intermodal.platform.targets import Site


@dataclass(frozen=True)
class PushReport:
    """What a push did.

    ``reference`` is ``host/repository@sha256:...``, by which the image is deployed. ``bytes_pushed`` counts every byte
    of blobs and manifests that was sent, also those of a try that failed. Blobs are named by their digests.
    """

    reference: str
    digest: str
    bytes_pushed: int
    blobs_pushed: tuple[str, ...]
    blobs_kept: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Attachment:
    """A document about an image: an SBOM, its provenance or its signature. ``kind`` is its media type:
    ``application/vnd.cyclonedx+json``."""

    kind: str
    data: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Attached:
    """A document that a registry holds beside an image. ``digest`` is that of its own manifest.

    ``fallback_tag`` is the tag under which it is listed where the registry has no referrers API; else empty.
    """

    kind: str
    digest: str
    fallback_tag: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltImage:
    """An image that was built: its digest, the bytes of all blobs together, and those of each layer by its name, from
    the lowest to the topmost. ``documents``: its SBOM and its provenance, the same bytes for the same image."""

    digest: str
    size: int
    layers: Mapping[str, int]
    documents: tuple[Attachment, ...] = ()


class ImageRegistry(Protocol):
    """The image registry of one site. Errors: Refused, Throttled, Unavailable, NotFound; SpecError for a layout that
    is damaged."""

    @property
    def site(self) -> Site: ...

    def repository(self, model: str) -> str:
        """The model's repository: the part of a reference between the host and the digest."""

    def push(self, layout: Path, repository: str, tag: str = "", mount_from: str = "") -> PushReport:
        """Push the one image of an OCI layout, byte for byte: the registry's digest is the layout's.

        Blobs that are there are not sent; a push after a kill sends what is missing. ``tag`` is for people and is
        moved; deployments use the digest. ``mount_from`` is another repository of this registry that may hold the
        same layers.
        """

    def pull(self, repository: str, digest: str, layout: Path) -> None:
        """Write the image ``digest`` as an OCI layout, every blob verified. Blobs that ``layout`` has are not fetched;
        ``index.json`` is written last. NotFound when the registry does not have the image or a layer."""

    def digest_of(self, repository: str, reference: str) -> str | None:
        """The digest of a tag or digest, by the registry's own API; None when it has no such manifest."""

    def attach(self, repository: str, digest: str, attachment: Attachment) -> Attached:
        """Store a document as an OCI referrer of the image ``digest``. The same document twice is stored once."""

    def attached(self, repository: str, digest: str) -> Sequence[Attached]:
        """The documents beside an image; empty when there are none."""

    def read_attached(self, repository: str, digest: str) -> bytes:
        """The bytes of the document whose manifest is ``digest``, verified. NotFound when there is none."""

    def delete(self, repository: str, digest: str, model: str) -> bool:
        """Delete the image ``digest`` with its tags and the documents beside it; whether it was there. SpecError for an
        image whose label does not name ``model``. Refused when the registry, or this identity, deletes nothing."""


class ImageBuilder(Protocol):
    """Makes images, without a registry."""

    def build(self, package: Path, version: str, digest: str, layout: Path) -> BuiltImage:
        """Write the image of the package folder into the new folder ``layout``: the same bytes for the same inputs.

        ``digest`` is the version's digest. IntermodalError when the package has another one, or when what the image is
        made of cannot be had.
        """


class Images(Protocol):
    """The image registry of every enabled site, built on first use. SpecError names what is missing for a site."""

    def get(self, site: Site) -> ImageRegistry: ...
