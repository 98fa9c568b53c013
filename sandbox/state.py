"""What a cloud remembers across an outage: tables of JSON documents in one file, replaced whole."""

import json
import os
from pathlib import Path
from typing import Any


class State:
    """``table("endpoints")`` is a dict from name to document; ``save()`` makes what is in memory durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}

    def table(self, name: str) -> dict[str, Any]:
        return self._tables.setdefault(name, {})

    def merge(self, table: str, key: str, changes: dict[str, Any]) -> None:
        """Change a record as its cloud would by itself: a JSON merge patch (RFC 7396). KeyError when there is none."""
        _merge(self.table(table)[key], changes)
        self.save()

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=0o600)  # it may hold keys
        with fresh.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self._tables))  # without indent: only that is encoded in C
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _merge(record: dict[str, Any], changes: dict[str, Any]) -> None:
    """In the record itself, since a running task may hold it."""
    for name, value in changes.items():
        if value is None:
            record.pop(name, None)
        elif isinstance(value, dict):
            if not isinstance(record.get(name), dict):
                record[name] = {}
            _merge(record[name], value)
        else:
            record[name] = value
