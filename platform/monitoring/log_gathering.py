"""Gather a site's prediction log into parts of five minutes, in batches of objects."""

import time
from collections.abc import Mapping, Sequence

import pandas as pd

from intermodal.platform import ports
from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring import log_dedup, predictions
from intermodal.platform.monitoring.log_retention import GATHERED_STAGE, PREDICTIONS_STAGE
from intermodal.platform.protocol.prediction_log import FOLDER, folder, hour_of

LATE_HOURS = 2
"""How many hours after the hour in its key an object may appear, because a server retries failed writes."""
BATCH_BYTES = 64 << 20
"""Unpacked bytes of a batch: about five minutes of a busy replica, and some hundred MB as tables. The sizes in a
listing are of no use, since repeated rows are compressed to a hundredth."""
OBJECT_OVERHEAD_BYTES = 8 << 10
"""Memory of an object's table in addition to its rows."""


def gather(tables: ports.Tables, store: ports.ObjectStore, model: str, damaged: list[str]) -> int:
    """Add the new objects of the site's log; returns by how many rows the table grew. Objects that are not of this
    model's log are skipped once, with a message in ``damaged``.

    May be killed at any point: the next call reads the unfinished batch again, and no request is added twice.
    """
    known, added = _known(tables, model, str(store.site)), 0
    fresh = sorted(_listed(store, model, known) - set(known))
    while fresh:
        taken, new = _take(tables, store, model, fresh, damaged)
        known = _newest([*known, *fresh[:taken]])
        tables.write(model, GATHERED_STAGE, str(store.site), pd.DataFrame({"object": known}))
        fresh, added = fresh[taken:], added + new
    return added


def _take(
    tables: ports.Tables, store: ports.ObjectStore, model: str, fresh: Sequence[str], damaged: list[str]
) -> tuple[int, int]:
    """Add the first batch of the objects. Returns its number of objects and by how many rows the table grew."""
    found, size, taken = list[pd.DataFrame](), 0, 0
    while taken < len(fresh) and size < BATCH_BYTES:
        object_key = fresh[taken]
        data = store.get(object_key)
        try:
            header, rows = predictions.read(data, object_key)
            if header.model != model:
                raise SpecError(f"{object_key} is of the model '{header.model}'.")
            found.append(rows)
            size += predictions.unpacked_size(data)
        except SpecError as error:  # it counts as gathered, or every later call would read it again
            damaged.append(error.message)
        size, taken = size + OBJECT_OVERHEAD_BYTES, taken + 1
    return taken, _add(tables, model, predictions.parts(pd.concat(found, ignore_index=True))) if found else 0


def _newest(objects: Sequence[str]) -> list[str]:
    """The objects of the last hours, from which the next call continues. All earlier hours are gathered."""
    newest = sorted(set(objects), key=_hour)
    since = predictions.hours(_hour(newest[0]), _hour(newest[-1]))[-LATE_HOURS - 1 :]
    return [object_key for object_key in newest if _hour(object_key) in since]


def _hour(object_key: str) -> str:
    return object_key.split("/")[-2]


def _known(tables: ports.Tables, model: str, site: str) -> list[str]:
    return (
        list(tables.read(model, GATHERED_STAGE, site)["object"])
        if site in tables.partitions(model, GATHERED_STAGE)
        else []
    )


def _listed(store: ports.ObjectStore, model: str, known: list[str]) -> set[str]:
    """All objects at first; later those from LATE_HOURS before the newest known object on."""
    if not known:
        return set(store.list(f"{FOLDER}/{model}/"))
    hours = predictions.hours(min(map(_hour, known)), hour_of(time.time()))
    return {found for hour in hours for found in store.list(f"{folder(model, hour)}/")}


def _add(tables: ports.Tables, model: str, fresh: Mapping[str, pd.DataFrame]) -> int:
    """Add rows part by part, the earliest first, so that a request is written to its part before its later answer is
    dropped from the next one. A part that becomes empty is kept: ``remove_old`` sees by it that its hour has objects.
    """
    present, grown = set(tables.partitions(model, PREDICTIONS_STAGE)), 0
    adjacent_parts, made = log_dedup.adjacent_parts(fresh), dict[str, pd.DataFrame]()
    for part in sorted({*fresh, *(adjacent_parts.keys() & present)}):
        stored = tables.read(model, PREDICTIONS_STAGE, part) if part in present else None
        before = adjacent_parts.get(part)
        if before in present and before not in made:
            made = {before: tables.read(model, PREDICTIONS_STAGE, before)}
        rows = [table for table in (stored, fresh.get(part)) if table is not None]
        whole = predictions.once(pd.concat(rows, ignore_index=True))
        if before in made:
            whole = log_dedup.drop_seen(whole, made[before])
        had = 0 if stored is None else len(stored)
        if part in fresh or len(whole) < had:
            tables.write(model, PREDICTIONS_STAGE, part, whole)
        grown, made = grown + len(whole) - had, {part: whole}
    return grown
