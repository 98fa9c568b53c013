"""Incidents as JSON documents below one folder or bucket address, outside of any cloud that they are about."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Unavailable
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.targets import parse_target
from intermodal.resources.storage.bucket_documents import Bucket, is_bucket
from intermodal.resources.storage.documents import Document, Documents, Folder

log = logging.getLogger(__name__)
READERS = 16
MAX_RACES = 100
"""How often a change is made anew because another writer was first."""


def documents(address: str) -> Documents:
    return Bucket(address) if is_bucket(address) else Folder(address)


class JsonIncidents(BaseModel):
    """Fulfils ``platform.ports.Incidents``. Layout: ``<address>/open/<id>.json`` and ``<address>/closed/<id>.json``.

    Every call is atomic, in a folder and in a bucket: a change that was made from an older version of
    its document is refused, and is made anew from the newer one. Closing is three steps that any writer can finish: the
    open document is marked as closed, and is not changed after that; it is copied to ``closed``, unless it is there
    already; it is removed from ``open``. Where there is a closed document, the open one no longer counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(
        description="A folder or a bucket (s3://bucket/incidents, gs://, az://). Another address that fsspec knows "
        "works too, but nothing keeps two writers apart there."
    )

    def open(self, incident: Incident) -> Incident:
        with self._reached():
            for _ in range(MAX_RACES):
                if (known := self.get(incident.id)) is not None:
                    return known
                if self._documents.create(_key("open" if incident.is_open else "closed", incident.id), _text(incident)):
                    return incident
        raise self._lost_races(incident.id)

    def note(self, id: str, entry: Entry) -> Incident:
        return self._change(id, lambda incident: incident.noted(entry))

    def close(self, id: str, closed_at: float) -> Incident:
        return self._change(id, lambda incident: incident.closed(closed_at))

    def get(self, id: str) -> Incident | None:
        # Closed first: where a writer is killed while closing, the document is in both folders, and it is closed.
        with self._reached():
            for state in ("closed", "open", "closed"):
                if (found := self._documents.read(_key(state, id))) is not None:
                    return _parse(found, self._address_of(state, id))
        return None

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        # Open ones first, so that one which is closed meanwhile is seen at least once; and then closed counts.
        found: dict[str, Incident] = {}
        with self._reached():
            for state in ("open",) if open_only else ("open", "closed"):
                found |= {incident.id: incident for incident in self._read_all(state, model)}
            if open_only:
                found = {id: incident for id, incident in found.items() if incident.is_open and not self._is_closed(id)}
        return sorted(found.values(), key=lambda incident: (incident.opened_at, incident.id))

    @cached_property
    def _documents(self) -> Documents:
        return documents(self.address)

    def _is_closed(self, id: str) -> bool:
        return self._documents.read(_key("closed", id)) is not None

    def _read_all(self, state: str, model: str) -> list[Incident]:
        names = [name for name in self._documents.names(state) if name.endswith(".json")]
        ids = [name.removesuffix(".json") for name in names if name.startswith(f"{model}-" if model else "")]
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(lambda id: self._read_or_log(state, id), ids))
        return [incident for incident in found if incident is not None and model in ("", incident.model)]

    def _read_or_log(self, state: str, id: str) -> Incident | None:
        found = self._documents.read(_key(state, id))
        if found is None:
            return None  # closed since it was listed
        try:
            return _parse(found, self._address_of(state, id))
        except IntermodalError as error:
            log.error("%s", error)  # one damaged document must not stop the reaction to all others
            return None

    def _change(self, id: str, change: Callable[[Incident], Incident]) -> Incident:
        with self._reached():
            for _ in range(MAX_RACES):
                closed = self._documents.read(_key("closed", id))
                found = closed or self._documents.read(_key("open", id))
                if found is None:
                    if self._is_closed(id):  # since it was read first
                        continue
                    raise NotFound(f"There is no incident '{id}'.", hint=f"Look in {self.address}.")
                state = "closed" if closed else "open"
                known = _parse(found, self._address_of(state, id))
                if not known.is_open and not closed:
                    self._finish_closing(id, found.text)
                    continue
                changed = change(known)
                if changed != known and not self._documents.replace(_key(state, id), _text(changed), found.version):
                    continue
                if closed:
                    self._documents.delete(_key("open", id))
                elif not changed.is_open:
                    self._finish_closing(id, _text(changed))
                return changed
        raise self._lost_races(id)

    def _finish_closing(self, id: str, text: str) -> None:
        """Copy, then remove, an open document that is marked as closed."""
        self._documents.create(_key("closed", id), text)
        self._documents.delete(_key("open", id))

    def _lost_races(self, id: str) -> Unavailable:
        return Unavailable(
            f"The incident {id} was changed by others {MAX_RACES} times while it was to be changed.", hint="Run again."
        )

    def _address_of(self, state: str, id: str) -> str:
        return f"{self.address}/{_key(state, id)}"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except IntermodalError:
            raise
        except Exception as error:  # each kind of store raises its own
            raise Unavailable(
                f"The incidents at {self.address} cannot be reached: {type(error).__name__}: {error}.",
                hint="Check INTERMODAL_INCIDENTS, and that its store answers and lets us read and write.",
            ) from error


def _key(state: str, id: str) -> str:
    if not id or set(id) & set("/\\") or id.startswith("."):
        raise SpecError(f"'{id}' is no incident's id.", hint="They look like flight_delay-aws.sagemaker-1700000000.")
    return f"{state}/{id}.json"


def _text(incident: Incident) -> str:
    return json.dumps({**asdict(incident), "target": str(incident.target)}, indent=1)


def _parse(document: Document, address: str) -> Incident:
    try:
        data = json.loads(document.text)
        entries = tuple(_entry(entry) for entry in data["entries"])
        closed = data.get("closed_at")
        times = {"opened_at": float(data["opened_at"]), "closed_at": None if closed is None else float(closed)}
        return Incident(**{**data, **times, "target": parse_target(data["target"]), "entries": entries})
    except (ValueError, KeyError, TypeError, SpecError) as error:
        raise IntermodalError(
            f"The incident {address} cannot be read: {error!r}.",
            hint="Repair or remove it; a target that is still down gets a new one.",
        ) from error


def _entry(data: dict[str, Any]) -> Entry:
    """Release 0.1 has ``at`` where ``time`` is now."""
    fields = {"time" if name == "at" else name: value for name, value in data.items()}
    return Entry(**{**fields, "time": float(fields["time"])})
