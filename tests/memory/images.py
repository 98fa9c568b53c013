"""The image builder and image registries in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from intermodal.platform.errors import (
    NotFound,
    SpecError,
    Unavailable,
)
from intermodal.platform.ports.images import BuiltImage, PushReport
from intermodal.platform.protocol.manifest import Manifest, sha256_of
from intermodal.platform.protocol.package import Package
from intermodal.platform.targets import Site
from tests.memory.storage import _sha256

IMAGE_FILE = "image"
"""The one file of a layout in memory; the image's digest is its hash."""


class MemoryImageBuilder:
    def __init__(self) -> None:
        self.built: list[str] = []

    def build(self, package: Path, version: str, digest: str, layout: Path) -> BuiltImage:
        assert Manifest.of(package).digest == digest
        layout.mkdir()
        (layout / IMAGE_FILE).write_text(f"{Package.read(package).model} {version} {digest}")
        self.built.append(version)
        size = (layout / IMAGE_FILE).stat().st_size
        return BuiltImage(f"sha256:{sha256_of(layout / IMAGE_FILE)}", size, {"base": 0, "model": size})


class MemoryImageRegistry:
    """``down`` makes it answer nothing. Documents beside images are not kept."""

    def __init__(self, site: Site) -> None:
        self.site, self.down = site, False
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
