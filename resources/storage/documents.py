"""Small documents that several processes change, each change atomic: the port, and documents in a folder.

A change names the version that it was made from and is refused when the document has another by now. In a bucket
(``bucket_documents.py``) the store itself compares; in a folder a file lock keeps the writers apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from upath import UPath

from intermodal.resources.storage.addresses import at_address


@dataclass(frozen=True)
class Document:
    """``version`` is what its store knows this content by. What is not UTF-8 is U+FFFD in ``text``: a damaged document
    is its reader's to judge, and no store that cannot be reached."""

    text: str
    version: Any


class Documents(Protocol):
    """Documents below one address, by keys such as ``open/a.json``."""

    def read(self, key: str) -> Document | None:
        """None when there is none. Bytes that are no UTF-8 become U+FFFD, so that a damaged document is read as one."""

    def create(self, key: str, text: str) -> bool:
        """False, and nothing is written, when there is such a document."""

    def replace(self, key: str, text: str, version: Any) -> bool:
        """False, and nothing is written, when the document has another version by now or is gone."""

    def delete(self, key: str) -> None:
        """Idempotent."""

    def names(self, folder: str) -> Sequence[str]:
        """The names in a folder, without those of half-written documents."""


class Folder:
    """A document is replaced whole, by rename, under one lock for the whole folder; its version is its text.

    The address may also be what fsspec knows and is no bucket (``memory://``): there nothing keeps two writers apart.
    """

    def __init__(self, address: str) -> None:
        self._root = at_address(address)

    def read(self, key: str) -> Document | None:
        try:
            text = (self._root / key).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        return Document(text, text)

    def create(self, key: str, text: str) -> bool:
        return self._write(key, text, None)

    def replace(self, key: str, text: str, version: Any) -> bool:
        return self._write(key, text, version)

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def names(self, folder: str) -> Sequence[str]:
        # Not by iterdir or glob: to them a store that does not answer is a folder that is not there.
        path = self._root / folder
        try:
            names = [name.rpartition("/")[2] for name in path.fs.ls(path.path, detail=False)]
        except FileNotFoundError:
            return []
        return [name for name in names if not name.startswith(".")]

    def _write(self, key: str, text: str, version: str | None) -> bool:
        with self._locked():
            known = self.read(key)
            if (known and known.version) != version:
                return False
            path: UPath = self._root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{uuid4().hex}")
            try:
                fresh.write_text(text, encoding="utf-8")
                fresh.rename(path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._root.protocol not in ("", "file", "local"):
            yield
            return
        import fcntl

        folder = Path(self._root.path)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, also by a kill
            yield
