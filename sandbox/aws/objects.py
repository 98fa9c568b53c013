"""S3 objects on disk: one file each, a line of JSON and then the bytes, replaced whole."""

import datetime
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

KEPT = ("_etag", "_storage_class", "checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts")
"""Attributes of moto's FakeKey that are in a response."""


class Objects:
    """``folder/<bucket>/<sha256 of the key>``. What moto holds in memory is the truth; this is its copy."""

    def __init__(self, folder: Path, region: str) -> None:
        self.folder, self.region = folder, region
        self.saved: dict[tuple[str, str], Any] = {}

    def load(self, backend: Any) -> None:
        """Put everything on disk into moto, as it was."""
        for bucket in sorted(path for path in self.folder.glob("*") if path.is_dir()):
            backend.create_bucket(bucket.name, self.region)
            for path in bucket.iterdir():
                if path.suffix == ".new":
                    path.unlink()  # killed while writing: the request was never answered
                else:
                    self._read(backend, bucket.name, path)

    def save(self, backend: Any, bucket: str, key: str) -> None:
        """Make the disk equal to moto for one key, or for a whole bucket when ``key`` is empty."""
        if bucket not in backend.buckets:
            shutil.rmtree(self.folder / bucket, ignore_errors=True)
            self.saved = {known: value for known, value in self.saved.items() if known[0] != bucket}
            return
        self.save_bucket(bucket)
        keys = backend.buckets[bucket].keys
        names = [key] if key else {*keys, *(known for owner, known in self.saved if owner == bucket)}
        for name in names:
            self._save_key(bucket, name, keys.get(name))

    def save_bucket(self, bucket: str) -> None:
        (self.folder / bucket).mkdir(parents=True, exist_ok=True)

    def _path(self, bucket: str, key: str) -> Path:
        return self.folder / bucket / hashlib.sha256(key.encode()).hexdigest()

    def _save_key(self, bucket: str, name: str, key: Any) -> None:
        path = self._path(bucket, name)
        if key is None or not hasattr(key, "_value_buffer"):  # deleted, or a delete marker
            path.unlink(missing_ok=True)
            self.saved.pop((bucket, name), None)
        elif self.saved.get((bucket, name)) is not key:
            self._write(path, name, key)
            self.saved[bucket, name] = key

    def _write(self, path: Path, name: str, key: Any) -> None:
        _ = key.etag  # moto computes it at the first access
        head = {
            "key": name,
            "metadata": dict(key.metadata.items()),
            "modified": key.last_modified.isoformat(),
            **{attribute: getattr(key, attribute) for attribute in KEPT},
        }
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file, key.lock:
            file.write(json.dumps(head).encode() + b"\n")
            key._value_buffer.seek(0)
            shutil.copyfileobj(key._value_buffer, file)
        fresh.replace(path)

    def _read(self, backend: Any, bucket: str, path: Path) -> None:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            key = backend.put_object(bucket, head["key"], b"", disable_notification=True)
            shutil.copyfileobj(file, key._value_buffer)
            key.contentsize = key._value_buffer.tell()
        key.set_metadata(head["metadata"])
        key.last_modified = datetime.datetime.fromisoformat(head["modified"])
        for attribute in KEPT:
            setattr(key, attribute, head[attribute])
        self.saved[bucket, head["key"]] = key
