"""Mirror plans: what to copy, repair and remove so that a site's store has exactly a version's artifacts."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a store's listing. ``etag`` changes with the bytes; '' if the store has none."""

    size: int
    etag: str


@dataclass(frozen=True)
class MirrorRecord:
    """What the last mirroring verified: the manifest, and the etag that each object had when it was read back."""

    manifest: Manifest
    etags: Mapping[str, str]

    def to_json(self) -> str:
        """The manifest's own form with an ``etag`` in each entry, so that ``Manifest.from_json`` reads it too."""
        files = sorted(self.manifest.files.items())
        # Lines are joined here: json's own indentation needs three times the memory.
        lines = (
            f"{json.dumps(path)}: {json.dumps({**vars(entry), 'etag': self.etags[path]})}" for path, entry in files
        )
        return "{" + ",\n".join(lines) + "}"

    @classmethod
    def from_json(cls, text: str | bytes) -> "MirrorRecord":
        """ValueError if it is not a record. Then no object is trusted, and every one is read."""
        try:
            entries = json.loads(text)
            etags = {str(path): str(entry.get("etag", "")) for path, entry in entries.items()}
            return cls(Manifest.from_entries(entries), etags)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a mirror's manifest: {error!r}") from error


@dataclass(frozen=True)
class MirrorPlan:
    """What to do with each path. ``verify``: the size is right and the bytes are unknown, so read it and send it only
    if it differs."""

    copy: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    @property
    def send(self) -> tuple[str, ...]:
        return self.copy + self.repair

    def after_verification(self, damaged: Collection[str]) -> "MirrorPlan":
        """The plan after the objects of ``verify`` were read: ``damaged`` ones must be repaired, the others are
        kept."""
        bad = tuple(path for path in self.verify if path in damaged)
        good = tuple(path for path in self.verify if path not in damaged)
        return MirrorPlan(self.copy, self.repair + bad, (), self.keep + good, self.remove)


def plan_mirror(manifest: Manifest, stored: Mapping[str, StoredObject], record: MirrorRecord | None) -> MirrorPlan:
    """Compare the manifest with the listing and with what was verified before.

    ``stored`` has the objects below the prefix by relative path. An object is trusted without being read only if its
    etag is the one that it had when these bytes were verified.
    """
    chosen: dict[str, list[str]] = {"copy": [], "repair": [], "verify": [], "keep": []}
    for path, entry in sorted(manifest.files.items()):
        chosen[_fate(path, entry, stored.get(path), record)].append(path)
    strays = sorted(stored.keys() - manifest.files.keys() - {MANIFEST})
    return MirrorPlan(**{fate: tuple(paths) for fate, paths in chosen.items()}, remove=tuple(strays))


def _fate(path: str, entry: FileEntry, found: StoredObject | None, record: MirrorRecord | None) -> str:
    if found is None:
        return "copy"
    if found.size != entry.size:
        return "repair"
    if record is None or not found.etag or record.etags.get(path) != found.etag:
        return "verify"
    return "keep" if record.manifest.files[path] == entry else "repair"
