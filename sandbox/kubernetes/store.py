"""Objects with one version counter for all, a bounded window of changes, and the watchers of those changes."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from intermodal.sandbox.kubernetes.errors import expired
from intermodal.sandbox.kubernetes.resources import Resource
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.state import State

Document = dict[str, Any]
WINDOW = 1000
SNAPSHOTS = 16


@dataclass(frozen=True)
class Change:
    """``before`` is None for what was added, ``after`` is None for what is gone; ``last`` is the object to send."""

    version: int
    resource: Resource
    before: Document | None
    after: Document | None
    last: Document


@dataclass(frozen=True)
class WatchEvent:
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Document
    version: int


Changes = list[Change]  # a name of its own: ``Store.list`` hides the type


def as_event(change: Change, wanted: Filter) -> WatchEvent | None:
    """A change as one watcher sees it: an object that leaves its selection is DELETED for it, one that enters ADDED."""
    was = change.before is not None and wanted.matches(change.before)
    stays = change.after is not None and wanted.matches(change.after)
    if not was and not stays:
        return None
    kind: Literal["ADDED", "MODIFIED", "DELETED"] = "MODIFIED" if was and stays else "ADDED" if stays else "DELETED"
    return WatchEvent(kind, change.last, change.version)


class Store:
    """A stored document is never changed in its slot: a write puts a new one, so a list or an event may keep it."""

    def __init__(self, state: State, window: int = WINDOW) -> None:
        self._state, self._objects, self._counter = state, state.table("objects"), state.table("counter")
        self._changes: deque[Change] = deque(maxlen=window)
        self._oldest = self.version
        self._watchers: set[asyncio.Queue[Change | None]] = set()
        self._snapshots: dict[int, dict[str, Document]] = {}

    @property
    def version(self) -> int:
        return int(self._counter.get("version", 1))

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        return self._objects.get(resource.key(namespace, name))

    def list(self, resource: Resource, wanted: Filter | None = None) -> list[Document]:
        """In the order of their keys, as etcd has them."""
        return [document for _, document in self.pairs(resource, wanted or Filter(), self._objects)]

    @staticmethod
    def pairs(resource: Resource, wanted: Filter, objects: dict[str, Document]) -> Iterable[tuple[str, Document]]:
        prefix = resource.key(wanted.namespace, "") if wanted.namespace else f"{resource.group}/{resource.plural}/"
        keys = sorted(key for key in objects if key.startswith(prefix))
        return [(key, objects[key]) for key in keys if wanted.matches(objects[key])]

    def everything(self) -> dict[str, Document]:
        return self._objects

    def put(self, resource: Resource, document: Document) -> Document:
        """Store as a new version; returns the document with it."""
        metadata = document["metadata"]
        key = resource.key(metadata.get("namespace", ""), metadata["name"])
        version = self._next()
        document = document | {"metadata": metadata | {"resourceVersion": str(version)}}
        before = self._objects.get(key)
        self._objects[key] = document
        self._changed(Change(version, resource, before, document, document))
        return document

    def remove(self, resource: Resource, document: Document) -> Document:
        """Take out; the event carries the version of the removal, as the API server's does."""
        metadata = document["metadata"]
        before = self._objects.pop(resource.key(metadata.get("namespace", ""), metadata["name"]))
        version = self._next()
        last = document | {"metadata": metadata | {"resourceVersion": str(version)}}
        self._changed(Change(version, resource, before, None, last))
        return last

    def _next(self) -> int:
        self._counter["version"] = self.version + 1
        return self.version

    def _changed(self, change: Change) -> None:
        self._state.save()
        if len(self._changes) == self._changes.maxlen:
            self._oldest = self._changes[0].version
        self._changes.append(change)
        for queue in self._watchers:
            queue.put_nowait(change)

    def since(self, version: int) -> Changes:
        """Changes after ``version``; 410 when some of them are no longer known."""
        if version < self._oldest:
            raise expired(f"too old resource version: {version} ({self._oldest})")
        return [change for change in self._changes if change.version > version]

    def subscribe(self) -> "asyncio.Queue[Change | None]":
        """Every change from now on; None ends it."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unsubscribe(self, queue: "asyncio.Queue[Change | None]") -> None:
        self._watchers.discard(queue)

    def cut(self) -> None:
        """End every watch, as a server that stops does."""
        for queue in self._watchers:
            queue.put_nowait(None)

    def compact(self) -> None:
        """Forget past versions: older watches and continue tokens are answered with 410."""
        self._changes.clear()
        self._oldest = self.version
        self._snapshots.clear()

    def snapshot(self, version: int | None = None) -> tuple[int, dict[str, Document]]:
        """All objects now, kept for later pages; or as they were at ``version``; 410 when that is not kept."""
        if version is None:
            self._snapshots.setdefault(self.version, dict(self._objects))
            while len(self._snapshots) > SNAPSHOTS:
                del self._snapshots[min(self._snapshots)]
            return self.version, self._snapshots[self.version]
        if version not in self._snapshots:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter."
            )
        return version, self._snapshots[version]
