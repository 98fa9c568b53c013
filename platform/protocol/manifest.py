"""Manifests: the files of a version with their sizes and SHA-256 sums. A mirror reports one of what it verified."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intermodal.platform.errors import SpecError

MANIFEST = "manifest.json"
"""The object that is written last. It exists only when the mirror is complete and verified."""
SIGNATURE = "model.sig"
"""The package's signature, a file of its folder. It signs the other files, so it is no part of the digest."""
CHUNK_BYTES = 1 << 20
MAX_PATH_BYTES = 800


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex, read in chunks so that memory stays flat."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class FileEntry:
    """One file of a version: its length in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Every file of a version by its path relative to the artifacts' folder, with '/' as separator."""

    files: Mapping[str, FileEntry] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Manifest":
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return cls({p.relative_to(folder).as_posix(): FileEntry(p.stat().st_size, sha256_of(p)) for p in files})

    @property
    def content(self) -> Mapping[str, FileEntry]:
        """The files without the signature and a mirror's own manifest: what is signed, and what a version is."""
        return {path: entry for path, entry in self.files.items() if path not in (SIGNATURE, MANIFEST)}

    @property
    def digest(self) -> str:
        """One SHA-256 for the whole version. Equal digests mean equal bytes under equal names.

        The signature is left out, so that signing a version, or signing it again with a new key, leaves its identity.
        """
        lines = "\n".join(f"{entry.sha256} {path}" for path, entry in sorted(self.content.items()))
        return hashlib.sha256(lines.encode()).hexdigest()

    def signed(self, signature: bytes) -> "Manifest":
        """This manifest with ``signature`` as the version's file, in place of an earlier one."""
        entry = FileEntry(len(signature), hashlib.sha256(signature).hexdigest())
        return Manifest({**self.content, SIGNATURE: entry})

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.files.values())

    def to_json(self) -> str:
        return json.dumps({path: vars(entry) for path, entry in sorted(self.files.items())}, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Manifest":
        return cls.from_entries(json.loads(text))

    @classmethod
    def from_entries(cls, entries: Mapping[str, Mapping[str, Any]]) -> "Manifest":
        return cls({path: FileEntry(entry["size"], entry["sha256"]) for path, entry in entries.items()})

    def require_portable(self) -> None:
        """Raise SpecError for a path that some object store would change or reject.

        Azure reads a backslash as a slash and drops a dot or slash at the end of a segment
        (https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata);
        control characters do not survive XML; S3 and Cloud Storage allow 1,024 bytes, some of which the prefix needs.
        """
        for path in self.files:
            segments = path.split("/")
            if path == MANIFEST:
                raise SpecError(f"'{path}' is the name of the mirror's own manifest.", hint="Rename that artifact.")
            if (
                any(part in ("", ".", "..") or part.endswith(".") for part in segments)
                or "\\" in path
                or not path.isprintable()
                or len(path.encode()) > MAX_PATH_BYTES
            ):
                raise SpecError(
                    f"The artifact {path!r} has a name that not every cloud can store.",
                    hint=f"At most {MAX_PATH_BYTES} bytes, no backslash, no control character, "
                    "no folder or file that ends in '.'.",
                )
