"""Execute a mirror plan on an obstore store: parallel over files, streaming, resumable, verified by reading back."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore

from intermodal.platform.deployment.mirror_plan import MirrorPlan, MirrorRecord, StoredObject, plan_mirror
from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.ports.object_store import MirrorReport
from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest, sha256_of
from intermodal.resources.concurrency import parallel
from intermodal.resources.storage.errors import is_missing_bucket

log = logging.getLogger(__name__)

FILE_WORKERS = 8
"""Small files under way at once."""
SMALL_FILE_BYTES = 1 << 20
"""Largest file that is sent by FILE_WORKERS; larger ones share PARTS_IN_MEMORY."""
MIN_PART_BYTES = 5 << 20
"""S3's minimum."""
MAX_PARTS = 9_000
"""Of one object. S3 and Cloud Storage allow 10,000."""
PARTS_IN_MEMORY = 2
"""Parts in memory at once, for files of any size. Each of several stores has as many."""
BLOCK_BYTES = 1 << 18
"""Bytes in memory of each file or object that is under way."""
LIST_PAGE = 1_000
"""Objects in one page of a listing."""
LOGGED_FILE_BYTES = 64 << 20
"""A file of this size or more is logged."""


@dataclass(frozen=True)
class Read:
    """An object read back: the hash of its bytes and the etag they had."""

    sha256: str
    etag: str


@dataclass(frozen=True)
class Mirror:
    """One prefix of one store."""

    store: Any
    prefix: str
    uri: str

    def run(self, source: Path, manifest: Manifest) -> MirrorReport:
        """See ``platform.ports.ObjectStore.mirror``. Raises obstore's own errors, and IntermodalError when a source
        file differs from the manifest."""
        started = time.monotonic()
        stored = self._list()
        record = self._record() if MANIFEST in stored else None
        todo = plan_mirror(manifest, stored, record)
        etags = {path: stored[path].etag for path in todo.keep}
        read = parallel(self._read, todo.verify, FILE_WORKERS)
        todo = todo.after_verification({path for path in read if read[path].sha256 != manifest.files[path].sha256})
        etags |= {path: found.etag for path, found in read.items()}
        if todo.send or todo.remove:
            self._uncommit(stored)
        etags |= self._send(source, manifest, todo)
        parallel(lambda path: delete(self.store, self._key(path)), todo.remove, FILE_WORKERS)
        written = MirrorRecord(manifest, {path: etags[path] for path in manifest.files})
        if todo.send or todo.remove or written != record:
            obstore.put(self.store, self._key(MANIFEST), written.to_json().encode())
        return MirrorReport(
            uri=self.uri,
            digest=manifest.digest,
            copied=todo.copy,
            kept=tuple(sorted(todo.keep)),
            repaired=todo.repair,
            removed=todo.remove,
            bytes_copied=sum(manifest.files[path].size for path in todo.send),
            seconds=time.monotonic() - started,
        )

    def damaged(self, manifest: Manifest) -> dict[str, str]:
        """See ``platform.ports.ObjectStore.damaged``; a missing or foreign manifest and strays count as damage."""
        return self._differences(manifest, trust_etags=False)

    def changed(self, manifest: Manifest) -> dict[str, str]:
        """See ``platform.ports.ObjectStore.changed``."""
        return self._differences(manifest, trust_etags=True)

    def _differences(self, manifest: Manifest, *, trust_etags: bool) -> dict[str, str]:
        stored = self._list()
        record = self._record() if MANIFEST in stored else None
        todo = plan_mirror(manifest, stored, record if trust_etags else None)
        wrong = dict.fromkeys(todo.copy, "is missing")
        for path in todo.repair:
            size, wanted = stored[path].size, manifest.files[path].size
            wrong[path] = f"has {size} bytes instead of {wanted}" if size != wanted else "is another version's"
        for path, found in parallel(self._read, todo.verify, FILE_WORKERS).items():
            if found.sha256 != manifest.files[path].sha256:
                wrong[path] = f"has the SHA-256 {found.sha256} instead of {manifest.files[path].sha256}"
        wrong |= dict.fromkeys(todo.remove, "is not in the manifest")
        if record is None:
            wrong[MANIFEST] = "is missing or unreadable: the mirror was not finished"
        elif record.manifest.digest != manifest.digest:
            wrong[MANIFEST] = "belongs to another version"
        return wrong

    def _key(self, path: str) -> str:
        return f"{self.prefix}/{path}"

    def _list(self) -> dict[str, StoredObject]:
        skip = len(self.prefix) + 1
        return {
            str(found["path"])[skip:]: StoredObject(int(found["size"]), _plain(found["e_tag"]))
            for page in obstore.list(self.store, self.prefix, chunk_size=LIST_PAGE)
            for found in page
        }

    def _record(self) -> MirrorRecord | None:
        try:
            return MirrorRecord.from_json(bytes(obstore.get(self.store, self._key(MANIFEST)).bytes()))
        except FileNotFoundError:
            return None  # another run deleted it to repair the mirror
        except ValueError as error:
            log.warning("%s/%s is damaged (%s): every object is verified", self.uri, MANIFEST, error)
            return None

    def _uncommit(self, stored: Mapping[str, StoredObject]) -> None:
        """Delete the manifest before any change. So a prefix with a manifest is complete, also after a kill."""
        if MANIFEST in stored:
            delete(self.store, self._key(MANIFEST))

    def _send(self, source: Path, manifest: Manifest, todo: MirrorPlan) -> dict[str, str]:
        entries = {path: manifest.files[path] for path in todo.send}
        # The largest first, so that no single large file is the last.
        largest_first = sorted(entries, key=lambda path: -entries[path].size)
        large = [path for path in largest_first if entries[path].size > SMALL_FILE_BYTES]
        workers = max(1, min(PARTS_IN_MEMORY, len(large)))

        def send(path: str) -> str:
            return self._copy(source / path, path, entries[path], PARTS_IN_MEMORY // workers)

        return parallel(send, large, workers) | parallel(send, largest_first[len(large) :], FILE_WORKERS)

    def _copy(self, file: Path, path: str, entry: FileEntry, parts: int) -> str:
        """Send one file and read it back. Repeated once if the bytes differ. Returns the etag of the verified bytes."""
        _require_size(file, entry)
        part = max(MIN_PART_BYTES, -(-entry.size // MAX_PARTS))
        started = time.monotonic()
        for _ in range(2):
            # obstore copies the content of a path, up to three times in memory; it does not copy given blocks.
            sent = blocks_of(file)
            many = entry.size > part
            obstore.put(self.store, self._key(path), sent, use_multipart=many, chunk_size=part, max_concurrency=parts)
            read = self._read(path)
            if read.sha256 == entry.sha256:
                if entry.size >= LOGGED_FILE_BYTES:
                    seconds = time.monotonic() - started
                    log.info("%s/%s: %.0f MB sent and verified in %.1f s", self.uri, path, entry.size / 1e6, seconds)
                return read.etag
            if sha256_of(file) != entry.sha256:
                raise _changed(file)
        raise Unavailable(
            f"{self.uri}/{path} returned other bytes than were sent, twice.", hint="Run the mirror again."
        )

    def _read(self, path: str) -> Read:
        return read(self.store, self._key(path))


def blocks_of(file: Path) -> Iterator[bytes]:
    """Its bytes, BLOCK_BYTES at once. IntermodalError when it cannot be read."""
    try:
        with file.open("rb", buffering=0) as opened:
            while block := opened.read(BLOCK_BYTES):
                yield block
    except OSError as error:
        raise _changed(file) from error


def read(store: Any, key: str, keep: Callable[[Any], object] = lambda _: None) -> Read:
    """Hash an object while it is streamed, and ``keep`` each block. obstore resumes a broken connection."""
    digest = hashlib.sha256()
    found = obstore.get(store, key)
    # A small object is read whole: a stream costs another thread switch.
    small = found.meta["size"] <= BLOCK_BYTES
    blocks = [found.bytes()] if small else found.stream(min_chunk_size=BLOCK_BYTES)
    for block in blocks:
        digest.update(block)
        keep(block)
    return Read(digest.hexdigest(), _plain(found.meta["e_tag"]))


def delete(store: Any, key: str) -> None:
    """Delete an object, which may be missing. Its bucket must exist."""
    try:
        obstore.delete(store, key)
    except FileNotFoundError as error:
        if is_missing_bucket(error):
            raise


def _plain(etag: str | None) -> str:
    """Azure's listings have etags without quotes, its other responses with quotes."""
    return (etag or "").strip('"')


def _changed(file: Path) -> IntermodalError:
    return IntermodalError(
        f"{file} is not what its manifest says: it changed or is missing.",
        hint="Download the artifacts from the registry again. Nothing was recorded.",
    )


def _require_size(file: Path, entry: FileEntry) -> None:
    try:
        size = file.stat().st_size
    except OSError as error:
        raise _changed(file) from error
    if size != entry.size:
        raise _changed(file)
