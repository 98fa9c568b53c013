"""The image builder and image registries in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from intermodal.platform.errors import (
    NotFound,
    Refused,
    SpecError,
    Unavailable,
)
from intermodal.platform.ports.images import Attached, Attachment, BuiltImage, PushReport
from intermodal.platform.protocol.manifest import Manifest, sha256_of
from intermodal.platform.protocol.package import Package
from intermodal.platform.targets import Site
from tests.memory.storage import _sha256

IMAGE_FILE = "image"
"""The one file of a layout in memory; the image's digest is its hash."""

SBOM = Attachment("application/vnd.cyclonedx+json", b"{}")


class MemoryImageBuilder:
    def __init__(self) -> None:
        self.built: list[str] = []

    def build(self, package: Path, version: str, digest: str, layout: Path) -> BuiltImage:
        assert Manifest.of(package).digest == digest
        layout.mkdir()
        (layout / IMAGE_FILE).write_text(f"{Package.read(package).model} {version} {digest}")
        self.built.append(version)
        size = (layout / IMAGE_FILE).stat().st_size
        layers = {"base": 0, "model": size}
        return BuiltImage(f"sha256:{sha256_of(layout / IMAGE_FILE)}", size, layers, (SBOM,))


class MemoryImageRegistry:
    """``down`` makes it answer nothing, ``deletes`` whether it deletes images."""

    def __init__(self, site: Site) -> None:
        self.site, self.down, self.deletes = site, False, True
        self.documents: dict[tuple[str, str], dict[str, Attachment]] = {}
        """By repository and image: by their own digest."""
        self.images: dict[tuple[str, str], bytes] = {}
        """By repository, and by digest or tag."""

    def repository(self, model: str) -> str:
        return f"intermodal/{model}"

    def push(self, layout: Path, repository: str, tag: str = "", mount_from: str = "") -> PushReport:  # noqa: ARG002
        self._require_up()
        data = (layout / IMAGE_FILE).read_bytes()
        digest, is_new = f"sha256:{_sha256(data)}", data not in self.images.values()
        self.images[repository, digest] = self.images[repository, tag] = data
        sent, kept = ((digest,), ()) if is_new else ((), (digest,))
        reference = f"registry.{self.site.cloud}/{repository}@{digest}"
        return PushReport(reference, digest, len(data) * is_new, sent, kept, 0.0)

    def pull(self, repository: str, digest: str, layout: Path) -> None:
        self._require_up()
        if (repository, digest) not in self.images:
            raise NotFound(f"{repository}@{digest}")
        layout.mkdir()
        (layout / IMAGE_FILE).write_bytes(self.images[repository, digest])

    def digest_of(self, repository: str, reference: str) -> str | None:
        self._require_up()
        data = self.images.get((repository, reference))
        return None if data is None else f"sha256:{_sha256(data)}"

    def attach(self, repository: str, digest: str, attachment: Attachment) -> Attached:
        if self.digest_of(repository, digest) is None:
            raise NotFound(f"{repository}@{digest}")
        own = f"sha256:{_sha256(attachment.kind.encode() + attachment.data)}"
        self.documents.setdefault((repository, digest), {})[own] = attachment
        return Attached(attachment.kind, own, "", attachment.annotations)

    def attached(self, repository: str, digest: str) -> Sequence[Attached]:
        self._require_up()
        found = self.documents.get((repository, digest), {})
        return tuple(Attached(each.kind, own, "", each.annotations) for own, each in found.items())

    def read_attached(self, repository: str, digest: str) -> bytes:
        self._require_up()
        for (where, _), found in self.documents.items():
            if where == repository and digest in found:
                return found[digest].data
        raise NotFound(f"{repository}@{digest}")

    def delete(self, repository: str, digest: str, model: str) -> bool:
        self._require_up()
        if (data := self.images.get((repository, digest))) is None:
            return False
        if data.split()[0] != model.encode():
            raise SpecError(f"{repository}@{digest} is not of {model}.")
        if not self.deletes:
            raise Refused(f"{self.site} deletes no images.")
        self.images = {key: kept for key, kept in self.images.items() if key[0] != repository or kept != data}
        self.documents.pop((repository, digest), None)
        return True

    def _require_up(self) -> None:
        if self.down:
            raise Unavailable(f"the registry of {self.site} does not answer")


@dataclass
class MemoryImages:
    """Fulfils ``ports.Images``."""

    registries: Mapping[Site, MemoryImageRegistry] = field(default_factory=dict)

    @classmethod
    def of(cls, sites: Iterable[Site]) -> "MemoryImages":
        return cls({site: MemoryImageRegistry(site) for site in sites})

    def get(self, site: Site) -> MemoryImageRegistry:
        try:
            return self.registries[site]
        except KeyError as error:
            raise SpecError(f"{site} is not enabled.") from error
