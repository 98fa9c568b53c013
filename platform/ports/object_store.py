"""Object stores: where a version's files are mirrored and prediction logs are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.targets import Site


@dataclass(frozen=True)
class MirrorReport:
    """What a mirror run did. ``uri`` is the mirror's address in its cloud; paths are relative to it."""

    uri: str
    digest: str
    copied: tuple[str, ...]
    kept: tuple[str, ...]
    repaired: tuple[str, ...]
    removed: tuple[str, ...]
    bytes_copied: int
    seconds: float


class ObjectStore(Protocol):
    """A bucket (or container) of one site. Errors: Refused, Throttled, Unavailable, NotFound."""

    @property
    def site(self) -> Site: ...

    def uri(self, prefix: str) -> str:
        """The address of ``prefix`` as the cloud's own endpoint services take it."""

    def mirror(self, source: Path, manifest: Manifest, prefix: str) -> MirrorReport:
        """Make ``prefix`` hold exactly the manifest's files, taken from the folder ``source``.

        Copies in parallel and streams; a second run copies nothing; a run after a kill copies what is missing; an
        object whose bytes differ is repaired; an object that is not in the manifest is removed. The manifest itself
        is written last: a prefix without one is not a mirror.
        """

    def damaged(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        """Read every object back and hash it: path → what is wrong. Empty when the mirror is whole."""

    def changed(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        """As ``damaged``, at the cost of a listing: an object is read only if its ETag is not the one that it had when
        ``mirror`` read it back. Every write changes an ETag. A disk that loses a bit does not: ``damaged`` finds that.
        """

    def put(self, key: str, data: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """The object's bytes; NotFound when there is none."""

    def download(self, key: str, target: Path) -> str:
        """Stream an object of any size into a file: the SHA-256 of its bytes in hex. NotFound when there is none."""

    def list(self, prefix: str) -> Mapping[str, int]:
        """Keys below ``prefix`` with their sizes in bytes."""

    def delete(self, key: str) -> None:
        """Idempotent."""


class Stores(Protocol):
    """The object store of every enabled site, built on first use. SpecError names what is missing for a site."""

    def get(self, site: Site) -> ObjectStore: ...
