"""Delete old predictions: objects of the prediction log at every site, and the parts that they were gathered into.

Only gathered predictions that are older than the spec's ``log_keep_days`` are deleted. A call deletes a limited number,
twice the rows that drift is measured from (``drift.rows``), which is more than is written between two calls.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pandas as pd

from intermodal.platform import ports
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.prediction_log import folder, hour_of
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site

PREDICTIONS_STAGE, GATHERED_STAGE, EMPTIED_STAGE = "predictions", "gathered", "emptied"
"""Stages of the tables: the parts of all sites; for each site, the newest objects that were gathered; for each site,
the last hour whose objects are deleted."""
DAY_SECONDS = 24 * 3600.0
CONCURRENT_HOURS = 16


@dataclass(frozen=True)
class Removed:
    """How many ``objects`` (by site) and ``parts`` were deleted. ``left``: site → why objects remain that are due."""

    objects: Mapping[Site, int]
    parts: int
    left: Mapping[Site, str]


def remove_old(
    tables: ports.Tables, stores: Sequence[ports.ObjectStore], spec: ModelSpec, sites: Sequence[Site], now: float
) -> Removed:
    """Delete the due objects in ``stores``, which were gathered just before, and the parts whose objects are deleted at
    all ``sites``. A site that does not answer keeps its parts. May be killed at any point and repeated."""
    objects, left = dict[Site, int](), dict[Site, str]()
    for store in stores:
        try:
            objects[store.site] = _objects(tables, store, spec, now)
        except IntermodalError as error:  # the next call deletes its objects
            left[store.site] = error.message
    return Removed(objects, _parts(tables, spec, sites, now), left)


def _objects(tables: ports.Tables, store: ports.ObjectStore, spec: ModelSpec, now: float) -> int:
    """Delete hour by hour, the oldest first. An object was gathered if it is among the remembered ones or of an earlier
    hour than all of them: such an hour is closed, and objects that appear in it later are never read."""
    known = set(_column(tables, spec.name, GATHERED_STAGE, str(store.site), "object"))
    over = min((key.split("/")[-2] for key in known), default="")
    before = emptied = _emptied(tables, spec.name, str(store.site))
    count, limit = 0, _max_deletions(spec)
    due = [hour for hour in _old_hours(tables, spec, now) if hour > before][:limit]
    with ThreadPoolExecutor(CONCURRENT_HOURS, thread_name_prefix="remove") as pool:
        for hours in _batches(due):
            listed = pool.map(lambda hour: sorted(store.list(f"{folder(spec.name, hour)}/")), hours)
            for hour, found in zip(hours, listed, strict=True):
                ready = [key for key in found if hour < over or key in known][: limit - count]
                list(pool.map(store.delete, ready))
                count += len(ready)
                if len(ready) < len(found):  # the next call begins with this hour
                    return _record_emptied(tables, spec, str(store.site), emptied, count)
                emptied = hour
    return _record_emptied(tables, spec, str(store.site), emptied, count)


def _record_emptied(tables: ports.Tables, spec: ModelSpec, site: str, emptied: str, count: int) -> int:
    if emptied:
        tables.write(spec.name, EMPTIED_STAGE, site, pd.DataFrame({"hour": [emptied]}))
    return count


def _parts(tables: ports.Tables, spec: ModelSpec, sites: Sequence[Site], now: float) -> int:
    """``drift.rows`` parts are kept however old they are, so that a model with few requests can still be measured."""
    emptied = min((_emptied(tables, spec.name, str(site)) for site in sites), default="")
    spare = tables.partitions(spec.name, PREDICTIONS_STAGE)[: -spec.drift.rows]
    due = [part for part in spare if _hour(part) <= emptied and _hour(part) < _oldest_kept(spec, now)]
    for part in due[: _max_deletions(spec)]:
        tables.delete(spec.name, PREDICTIONS_STAGE, part)
    return len(due[: _max_deletions(spec)])


def _max_deletions(spec: ModelSpec) -> int:
    return 2 * spec.drift.rows


def _old_hours(tables: ports.Tables, spec: ModelSpec, now: float) -> list[str]:
    """Due hours that have requests. All requests of an object are of its hour."""
    return sorted(
        {hour for hour in map(_hour, tables.partitions(spec.name, PREDICTIONS_STAGE)) if hour < _oldest_kept(spec, now)}
    )


def _hour(part: str) -> str:
    return part[: len("2026-11-23T21")]


def _oldest_kept(spec: ModelSpec, now: float) -> str:
    return hour_of(now - spec.log_keep_days * DAY_SECONDS)


def _emptied(tables: ports.Tables, model: str, site: str) -> str:
    return next(iter(_column(tables, model, EMPTIED_STAGE, site, "hour")), "")


def _column(tables: ports.Tables, model: str, stage: str, site: str, name: str) -> list[str]:
    return list(tables.read(model, stage, site)[name]) if site in tables.partitions(model, stage) else []


def _batches(hours: Sequence[str]) -> Iterator[Sequence[str]]:
    return (hours[start : start + CONCURRENT_HOURS] for start in range(0, len(hours), CONCURRENT_HOURS))
