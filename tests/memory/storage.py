"""Tables and object stores in memory."""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from intermodal.platform.errors import (
    IntermodalError,
    NotFound,
    SpecError,
)
from intermodal.platform.ports.object_store import MirrorReport
from intermodal.platform.protocol.manifest import MANIFEST, Manifest, sha256_of
from intermodal.platform.targets import Site


@dataclass
class MemoryTables:
    frames: dict[tuple[str, str, str], pd.DataFrame] = field(default_factory=dict)

    def write(self, model: str, stage: str, partition: str, table: pd.DataFrame) -> None:
        self.frames[model, stage, partition] = table.copy()

    def read(self, model: str, stage: str, partition: str) -> pd.DataFrame:
        try:
            return self.frames[model, stage, partition].copy()
        except KeyError as error:
            raise NotFound(f"{model}/{stage}/{partition}") from error

    def delete(self, model: str, stage: str, partition: str) -> None:
        self.frames.pop((model, stage, partition), None)

    def partitions(self, model: str, stage: str) -> Sequence[str]:
        return sorted(partition for m, s, partition in self.frames if (m, s) == (model, stage))


class MemoryStore:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.objects: dict[str, bytes] = {}
        self._counter = itertools.count()
        self._writes: dict[str, int] = {}
        """Key → the number of its last write, as an ETag."""
        self._mirrored: dict[str, dict[str, tuple[str, int | None]]] = {}
        """Prefix → path → the hash and the write that its last whole mirror had."""

    def uri(self, prefix: str) -> str:
        return f"memory-{self.site}://bucket/{prefix}"

    def mirror(self, source: Path, manifest: Manifest, prefix: str) -> MirrorReport:
        """An object that was not written since the last whole mirror is not read again, also if it is damaged."""
        manifest.require_portable()
        have = {key.removeprefix(f"{prefix}/"): data for key, data in self.objects.items() if self._below(key, prefix)}
        known = self._mirrored.get(prefix, {}) if have.pop(MANIFEST, None) is not None else {}
        self.objects.pop(f"{prefix}/{MANIFEST}", None)
        copied, kept, repaired = list[str](), list[str](), list[str]()
        for path, entry in manifest.files.items():
            unchanged = path in have and known.get(path) == (entry.sha256, self._writes.get(f"{prefix}/{path}"))
            if unchanged or (path in have and _sha256(have[path]) == entry.sha256):
                kept.append(path)
                continue
            data = (source / path).read_bytes() if (source / path).is_file() else None
            if data is None or _sha256(data) != entry.sha256:
                raise IntermodalError(f"{source / path} is not what its manifest says.", hint="Train it again.")
            self.put(f"{prefix}/{path}", data)
            (repaired if path in have else copied).append(path)
        removed = sorted(set(have) - set(manifest.files))
        for path in removed:
            self.delete(f"{prefix}/{path}")
        self.put(f"{prefix}/{MANIFEST}", manifest.to_json().encode())
        self._mirrored[prefix] = {
            path: (entry.sha256, self._writes.get(f"{prefix}/{path}")) for path, entry in manifest.files.items()
        }
        size = sum(manifest.files[path].size for path in (*copied, *repaired))
        report = (tuple(copied), tuple(kept), tuple(repaired), tuple(removed))
        return MirrorReport(self.uri(prefix), manifest.digest, *report, size, 0.0)

    def changed(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        """An object that was not written since the last whole mirror is not read, as in ``mirror``."""
        known = self._mirrored.get(prefix, {}) if f"{prefix}/{MANIFEST}" in self.objects else {}
        kept = {
            path
            for path, entry in manifest.files.items()
            if f"{prefix}/{path}" in self.objects
            and known.get(path) == (entry.sha256, self._writes.get(f"{prefix}/{path}"))
        }
        return {path: why for path, why in self.damaged(manifest, prefix).items() if path not in kept}

    def damaged(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        found = {}
        for path, entry in manifest.files.items():
            data = self.objects.get(f"{prefix}/{path}")
            if data is None or _sha256(data) != entry.sha256:
                found[path] = "missing" if data is None else "other bytes"
        for key in self.objects:
            path = key.removeprefix(f"{prefix}/")
            if self._below(key, prefix) and path != MANIFEST and path not in manifest.files:
                found[path] = "not in the manifest"
        if self.objects.get(f"{prefix}/{MANIFEST}") != manifest.to_json().encode():
            found[MANIFEST] = "other bytes"
        return found

    @staticmethod
    def _below(key: str, prefix: str) -> bool:
        return key.startswith(f"{prefix.rstrip('/')}/") if prefix else True

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self._writes[key] = next(self._counter)

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFound(key)
        return self.objects[key]

    def download(self, key: str, target: Path) -> str:
        target.write_bytes(self.get(key))
        return sha256_of(target)

    def list(self, prefix: str) -> Mapping[str, int]:
        return {key: len(data) for key, data in self.objects.items() if self._below(key, prefix)}

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)


@dataclass
class MemoryStores:
    """Fulfils ``ports.Stores``."""

    stores: Mapping[Site, MemoryStore]

    @classmethod
    def of(cls, stores: Iterable[MemoryStore]) -> "MemoryStores":
        return cls({store.site: store for store in stores})

    def get(self, site: Site) -> MemoryStore:
        try:
            return self.stores[site]
        except KeyError as error:
            raise SpecError(f"{site} is not enabled.") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
