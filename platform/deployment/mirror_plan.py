"""Mirror plans: what must be copied so that a cloud's store holds exactly a version's artifacts."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a store lists it. ``etag`` changes whenever the bytes do; '' when the store gives none."""

    size: int
    etag: str


@dataclass(frozen=True)
class Record:
    """What the last mirror run verified: the manifest, and the etag that each object had when it was read back."""

    manifest: Manifest
    etags: Mapping[str, str]

    def to_json(self) -> str:
        """The manifest's own form with an ``etag`` in each entry, so that ``Manifest.from_json`` reads it too."""
        files = sorted(self.manifest.files.items())
        # A line for each: json's own indenting holds all of its pieces, three times the memory.
        lines = (
            f"{json.dumps(path)}: {json.dumps({**vars(entry), 'etag': self.etags[path]})}" for path, entry in files
        )
        return "{" + ",\n".join(lines) + "}"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Record":
        """Raises ValueError when it is not a record; then nothing is trusted and every object is read."""
        try:
            entries = json.loads(text)
            etags = {str(path): str(entry.get("etag", "")) for path, entry in entries.items()}
            return cls(Manifest.from_entries(entries), etags)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a mirror's manifest: {error!r}") from error


@dataclass(frozen=True)
class Plan:
    """What must happen to each path. ``verify``: right size, unknown bytes; read it, and send it only if it differs."""

    copy: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @property
    def send(self) -> tuple[str, ...]:
        return self.copy + self.repair

    def resolve(self, damaged: Collection[str]) -> "Plan":
        """The plan after reading: what was read and is ``damaged`` must be repaired, everything else is kept."""
        bad = tuple(path for path in self.verify if path in damaged)
        good = tuple(path for path in self.verify if path not in damaged)
        return Plan(self.copy, self.repair + bad, (), self.keep + good, self.remove)


def plan(manifest: Manifest, stored: Mapping[str, StoredObject], record: Record | None) -> Plan:
    """Compare what must be there with what is listed and with what was verified before.

    ``stored`` holds the objects below the prefix by their relative path. An object is trusted without reading it only
    when its etag is the one it had when these very bytes were verified.
    """
    chosen: dict[str, list[str]] = {"copy": [], "repair": [], "verify": [], "keep": []}
    for path, entry in sorted(manifest.files.items()):
        chosen[_fate(path, entry, stored.get(path), record)].append(path)
    strays = sorted(stored.keys() - manifest.files.keys() - {MANIFEST})
    return Plan(**{fate: tuple(paths) for fate, paths in chosen.items()}, remove=tuple(strays))


def _fate(path: str, entry: FileEntry, found: StoredObject | None, record: Record | None) -> str:
    if found is None:
        return "copy"
    if found.size != entry.size:
        return "repair"
    if record is None or not found.etag or record.etags.get(path) != found.etag:
        return "verify"
    return "keep" if record.manifest.files[path] == entry else "repair"
