"""OCI image layouts: a folder with ``index.json`` and ``blobs/sha256``, read before anything is sent.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intermodal.platform.deployment.oci import digest_of
from intermodal.platform.errors import SpecError

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MANIFEST_BYTES = 4 << 20
"""The most that a registry must accept as a manifest (distribution specification)."""
CHUNK = 1 << 20
HINT = "Build the image again into an empty folder."


@dataclass(frozen=True)
class Blob:
    """A file of the layout that is as long as its descriptor says. Its bytes are hashed while they are sent."""

    digest: str
    size: int
    path: Path

    def chunks(self) -> Iterator[bytes]:
        """The bytes. SpecError at their end when they are not those of the digest."""
        found, size = hashlib.sha256(), 0
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
                size += len(chunk)
                if size > self.size:
                    break
                yield chunk
        if (size, f"sha256:{found.hexdigest()}") != (self.size, self.digest):
            raise SpecError(f"The bytes of {self.path} are not those of {self.digest}.", hint=HINT)


@dataclass(frozen=True)
class Bytes:
    """A small blob that was made here."""

    data: bytes

    @property
    def digest(self) -> str:
        return digest_of(self.data)

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data


@dataclass(frozen=True)
class Layout:
    """The one image of a layout: its manifest's raw bytes, and the blobs that it needs, the config last."""

    manifest: bytes
    media_type: str
    digest: str
    blobs: tuple[Blob, ...]

    @classmethod
    def read(cls, folder: Path) -> "Layout":
        """SpecError says which file is missing, linked, of another size, or not an image of one platform."""
        index = _document(_regular(folder / "index.json", folder).read_bytes(), folder / "index.json")
        listed = index.get("manifests")
        if not isinstance(listed, list) or len(listed) != 1:
            raise SpecError(f"{folder / 'index.json'} does not list exactly one image.", hint=HINT)
        top = _blob(folder, listed[0], "index.json")
        if top.size > MANIFEST_BYTES:
            raise SpecError(f"The manifest {top.digest} in {folder} has {top.size} bytes.", hint=HINT)
        raw = b"".join(top.chunks())
        manifest = _document(raw, top.path)
        media_type = str(manifest.get("mediaType") or listed[0].get("mediaType", ""))
        if "config" not in manifest or not isinstance(manifest.get("layers"), list):
            raise SpecError(
                f"{top.path} is a {media_type or 'document'} and no manifest of an image.",
                hint="Push one image for linux/amd64: no index and no attestation inside.",
            )
        described = [*manifest["layers"], manifest["config"]]
        blobs = {blob.digest: blob for blob in (_blob(folder, each, top.digest) for each in described)}
        return cls(raw, media_type, top.digest, tuple(blobs.values()))


def _blob(folder: Path, descriptor: Any, named_by: str) -> Blob:
    digest = descriptor.get("digest") if isinstance(descriptor, Mapping) else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise SpecError(f"{named_by} in {folder} names a blob by '{digest}', which is no sha256 digest.", hint=HINT)
    path = _regular(folder / "blobs" / "sha256" / digest.removeprefix("sha256:"), folder)
    if (size := path.stat().st_size) != descriptor.get("size"):
        raise SpecError(f"{path} has {size} bytes; {named_by} says {descriptor.get('size')}.", hint=HINT)
    return Blob(digest, size, path)


def _regular(path: Path, folder: Path) -> Path:
    """A link could name a file outside of the layout, which then would be published."""
    for part in (path, *path.parents):
        if part == folder:
            break
        if part.is_symlink():
            raise SpecError(f"{part} is a symbolic link; a layout holds its files itself.", hint=HINT)
    if not path.is_file():
        raise SpecError(f"{path} is missing.", hint=HINT)
    return path


def _document(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise SpecError(f"{path} is not JSON: {error}", hint=HINT) from error
    if not isinstance(found, dict):
        raise SpecError(f"{path} is not a JSON object.", hint=HINT)
    return found
