"""Incidents as JSON documents below one folder or bucket address, outside of any cloud that they are about."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import dagster as dg
from pydantic import Field
from upath import UPath

from intermodal.platform.errors import IntermodalError, NotFound, SpecError, Unavailable
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.resources.storage.addresses import at_address

log = logging.getLogger(__name__)
READERS = 16


class JsonIncidents(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fulfils ``platform.ports.Incidents``. Layout: ``<address>/open/<id>.json`` and ``<address>/closed/<id>.json``.

    A document is replaced whole, by rename. In a folder on this machine a file lock keeps two writers apart; in a
    bucket nothing does, and an entry that loses such a race is noted again by the next run of the same failover, which
    finds it missing.
    """

    address: str = Field(description="A folder, or any address that fsspec knows (s3://bucket/incidents, with s3fs).")

    def open(self, incident: Incident) -> Incident:
        with self._reached(), self._alone():
            known = self.get(incident.id)
            if known is None:
                self._write("open" if incident.is_open else "closed", incident)
            return known or incident

    def note(self, id: str, entry: Entry) -> Incident:
        return self._change(id, lambda incident: incident.noted(entry))

    def close(self, id: str, at: float) -> Incident:
        return self._change(id, lambda incident: incident.closed(at))

    def get(self, id: str) -> Incident | None:
        # Closed first: a run that was killed while closing leaves the document in both places, and it is closed.
        with self._reached():
            for state in ("closed", "open", "closed"):
                try:
                    return _parse(self._path(state, id))
                except FileNotFoundError:
                    continue
        return None

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        # Open ones first, so that one which is closed meanwhile is seen at least once; and then closed counts.
        found: dict[str, Incident] = {}
        with self._reached():
            for state in ("open",) if open_only else ("open", "closed"):
                found |= {one.id: one for one in self._read_all(state, model)}
            if open_only:
                found = {id: one for id, one in found.items() if one.is_open and not self._path("closed", id).exists()}
        return sorted(found.values(), key=lambda one: (one.opened_at, one.id))

    def _read_all(self, state: str, model: str) -> list[Incident]:
        folder = at_address(self.address) / state
        paths = [one for one in _listed(folder) if one.name.startswith(f"{model}-" if model else "")]
        with ThreadPoolExecutor(READERS) as pool:
            found = list(pool.map(_read_or_log, paths))
        return [one for one in found if one is not None and model in ("", one.model)]

    def _change(self, id: str, change: Callable[[Incident], Incident]) -> Incident:
        with self._reached(), self._alone():
            known = self.get(id)
            if known is None:
                raise NotFound(f"There is no incident '{id}'.", hint=f"Look in {self.address}.")
            changed = change(known)
            if changed != known:
                self._write("open" if changed.is_open else "closed", changed)
            if not changed.is_open:
                self._path("open", id).unlink(missing_ok=True)
            return changed

    def _write(self, state: str, incident: Incident) -> None:
        path = self._path(state, incident.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            fresh.write_text(json.dumps(asdict(incident), indent=1), encoding="utf-8")
            fresh.rename(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _path(self, state: str, id: str) -> UPath:
        if not id or set(id) & set("/\\") or id.startswith("."):
            raise SpecError(f"'{id}' is no incident's id.", hint="They look like flight_delay-aws-1700000000.")
        return at_address(self.address) / state / f"{id}.json"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except IntermodalError:
            raise
        except Exception as error:  # each kind of store raises its own: botocore's and Azure's are no OSErrors
            raise Unavailable(
                f"The incidents at {self.address} cannot be reached: {type(error).__name__}: {error}.",
                hint="Check INTERMODAL_INCIDENTS, and that its store answers and lets us read and write.",
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        root = at_address(self.address)
        if root.protocol not in ("", "file", "local"):
            yield
            return
        import fcntl

        folder = Path(root.path)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, also by a kill
            yield


def _listed(folder: UPath) -> list[UPath]:
    # Not by iterdir or glob: to them a store that does not answer is a folder that is not there.
    try:
        names = [path.rpartition("/")[2] for path in folder.fs.ls(folder.path, detail=False)]
    except FileNotFoundError:
        return []
    return [folder / name for name in names if name.endswith(".json") and not name.startswith(".")]


def _read_or_log(path: UPath) -> Incident | None:
    try:
        return _parse(path)
    except FileNotFoundError:
        return None  # closed while we were looking
    except IntermodalError as error:
        log.error("%s", error)  # one damaged document must not stop the reaction to all others
        return None


def _parse(path: UPath) -> Incident:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Incident(**{**data, "entries": tuple(Entry(**entry) for entry in data["entries"])})
    except (ValueError, KeyError, TypeError) as error:
        raise IntermodalError(
            f"The incident {path} cannot be read: {error!r}.",
            hint="Repair or remove it; a cloud that is still down gets a new one.",
        ) from error
