"""How long gathered predictions are kept: the log's objects in every cloud, and the parts that they became.

Whatever is removed was gathered before, and is older than the spec's ``log_keep_days``. Work is bounded: a look lists
and removes twice as much as the requests that it waits for (``drift.rows``), so it catches up with what is written.
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

STAGE, GATHERED, EMPTIED = "predictions", "gathered", "emptied"
"""Stages of the tables: parts of all clouds; by cloud, the newest objects that were gathered; by cloud, the last hour
whose objects are gone."""
DAY = 24 * 3600.0
AT_ONCE = 16


@dataclass(frozen=True)
class Removed:
    """``objects`` by site, ``parts`` of the table, and ``left``: site → why not all that is due is gone."""

    objects: Mapping[Site, int]
    parts: int
    left: Mapping[Site, str]


def remove_old(
    tables: ports.Tables, stores: Sequence[ports.ObjectStore], spec: ModelSpec, sites: Sequence[Site], now: float
) -> Removed:
    """Remove what is due in ``stores``, those that were gathered from just now; and the parts that are due in all
    ``clouds``: a part of a cloud that does not answer waits for it. May be killed anywhere and repeated."""
    objects, left = dict[Site, int](), dict[Site, str]()
    for store in stores:
        try:
            objects[store.site] = _objects(tables, store, spec, now)
        except IntermodalError as error:  # they stay for the next time
            left[store.site] = error.message
    return Removed(objects, _parts(tables, spec, sites, now), left)


def _objects(tables: ports.Tables, store: ports.ObjectStore, spec: ModelSpec, now: float) -> int:
    """Hour by hour, the oldest first. An object was gathered when it is among those that are remembered, or of an hour
    before all of them: such an hour is over, and what comes for it later is never read."""
    known = set(_column(tables, spec.name, GATHERED, str(store.site), "object"))
    over = min((key.split("/")[-2] for key in known), default="")
    before = emptied = _emptied(tables, spec.name, str(store.site))
    count, most = 0, _most(spec)
    due = [hour for hour in _old_hours(tables, spec, now) if hour > before][:most]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remove") as pool:
        for hours in _some(due):
            listed = pool.map(lambda hour: sorted(store.list(f"{folder(spec.name, hour)}/")), hours)
            for hour, found in zip(hours, listed, strict=True):
                ready = [key for key in found if hour < over or key in known][: most - count]
                list(pool.map(store.delete, ready))
                count += len(ready)
                if len(ready) < len(found):  # the next look begins with this hour
                    return _noted(tables, spec, str(store.site), emptied, count)
                emptied = hour
    return _noted(tables, spec, str(store.site), emptied, count)


def _noted(tables: ports.Tables, spec: ModelSpec, site: str, emptied: str, count: int) -> int:
    if emptied:
        tables.write(spec.name, EMPTIED, site, pd.DataFrame({"hour": [emptied]}))
    return count


def _parts(tables: ports.Tables, spec: ModelSpec, sites: Sequence[Site], now: float) -> int:
    """As many parts as drift looks at rows stay, however old: what is asked little keeps what it is judged by."""
    emptied = min((_emptied(tables, spec.name, str(site)) for site in sites), default="")
    spare = tables.partitions(spec.name, STAGE)[: -spec.drift.rows]
    due = [part for part in spare if _hour(part) <= emptied and _hour(part) < _limit(spec, now)]
    for part in due[: _most(spec)]:
        tables.delete(spec.name, STAGE, part)
    return len(due[: _most(spec)])


def _most(spec: ModelSpec) -> int:
    return 2 * spec.drift.rows


def _old_hours(tables: ports.Tables, spec: ModelSpec, now: float) -> list[str]:
    """Hours in which anything was asked; all requests of an object are of its hour."""
    return sorted({hour for hour in map(_hour, tables.partitions(spec.name, STAGE)) if hour < _limit(spec, now)})


def _hour(part: str) -> str:
    return part[: len("2026-11-23T21")]


def _limit(spec: ModelSpec, now: float) -> str:
    return hour_of(now - spec.log_keep_days * DAY)


def _emptied(tables: ports.Tables, model: str, site: str) -> str:
    return next(iter(_column(tables, model, EMPTIED, site, "hour")), "")


def _column(tables: ports.Tables, model: str, stage: str, site: str, name: str) -> list[str]:
    return list(tables.read(model, stage, site)[name]) if site in tables.partitions(model, stage) else []


def _some(hours: Sequence[str]) -> Iterator[Sequence[str]]:
    return (hours[start : start + AT_ONCE] for start in range(0, len(hours), AT_ONCE))
