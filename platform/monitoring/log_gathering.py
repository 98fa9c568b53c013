"""Gathering one cloud's prediction log into parts of five minutes, some objects at a time."""

import time
from collections.abc import Mapping, Sequence

import pandas as pd

from intermodal.platform import ports
from intermodal.platform.errors import SpecError
from intermodal.platform.monitoring import log_dedup, predictions
from intermodal.platform.monitoring.log_retention import GATHERED, STAGE
from intermodal.platform.protocol.prediction_log import FOLDER, folder, hour_of

LATE_HOURS = 2
"""An object may appear so long after the hour in its key: a server that could not write tries for a while."""
AT_ONCE_BYTES = 64 << 20
"""Unpacked objects that are read before they are added: of a busy replica, some five minutes. Their tables take some
hundred MB. The sizes of a listing would not do: the same rows, asked again and again, are packed to a hundredth."""
OWN_BYTES = 8 << 10
"""What an object's table takes, however few its rows."""


def gather(tables: ports.Tables, store: ports.ObjectStore, model: str, damaged: list[str]) -> int:
    """Add what the cloud's log has since the last time; by how many rows the table grew. Objects that are none of this
    model's log are passed over, once, and said in ``damaged``.

    Killed half-way, the next one reads again what was read since the last note, and no request comes in twice.
    """
    known, added = _known(tables, model, str(store.site)), 0
    fresh = sorted(_listed(store, model, known) - set(known))
    while fresh:
        taken, new = _take(tables, store, model, fresh, damaged)
        known = _newest([*known, *fresh[:taken]])
        tables.write(model, GATHERED, str(store.site), pd.DataFrame({"object": known}))
        fresh, added = fresh[taken:], added + new
    return added


def _take(
    tables: ports.Tables, store: ports.ObjectStore, model: str, fresh: Sequence[str], damaged: list[str]
) -> tuple[int, int]:
    """Add the first of the objects: how many, and by how many rows the table grew."""
    found, size, taken = list[pd.DataFrame](), 0, 0
    while taken < len(fresh) and size < AT_ONCE_BYTES:
        object_key = fresh[taken]
        data = store.get(object_key)
        try:
            header, rows = predictions.read(data, object_key)
            if header.model != model:
                raise SpecError(f"{object_key} is of the model '{header.model}'.")
            found.append(rows)
            size += predictions.unpacked_size(data)
        except SpecError as error:  # it counts as gathered: it would be as wrong the next time, and others wait
            damaged.append(error.message)
        size, taken = size + OWN_BYTES, taken + 1
    return taken, _add(tables, model, predictions.parts(pd.concat(found, ignore_index=True))) if found else 0


def _newest(objects: Sequence[str]) -> list[str]:
    """Those of the last hours, which tell the next look where to begin. All of the hours before are gathered."""
    newest = sorted(set(objects), key=_hour)
    since = predictions.hours(_hour(newest[0]), _hour(newest[-1]))[-LATE_HOURS - 1 :]
    return [one for one in newest if _hour(one) in since]


def _hour(object_key: str) -> str:
    return object_key.split("/")[-2]


def _known(tables: ports.Tables, model: str, site: str) -> list[str]:
    return list(tables.read(model, GATHERED, site)["object"]) if site in tables.partitions(model, GATHERED) else []


def _listed(store: ports.ObjectStore, model: str, known: list[str]) -> set[str]:
    """The first time everything; then the hours since the newest object, and those before it that may come late."""
    if not known:
        return set(store.list(f"{FOLDER}/{model}/"))
    hours = predictions.hours(min(map(_hour, known)), hour_of(time.time()))
    return {found for hour in hours for found in store.list(f"{folder(model, hour)}/")}


def _add(tables: ports.Tables, model: str, fresh: Mapping[str, pd.DataFrame]) -> int:
    """In order of time: a request that a part gets is written there before its later answer leaves the next one. A part
    that nothing is left of stays, empty: by it, ``remove_old`` knows that its hour has objects."""
    present, grown = set(tables.partitions(model, STAGE)), 0
    borders, made = log_dedup.borders(fresh), dict[str, pd.DataFrame]()
    for part in sorted({*fresh, *(borders.keys() & present)}):
        stored = tables.read(model, STAGE, part) if part in present else None
        before = borders.get(part)
        if before in present and before not in made:
            made = {before: tables.read(model, STAGE, before)}
        rows = [one for one in (stored, fresh.get(part)) if one is not None]
        whole = predictions.once(pd.concat(rows, ignore_index=True))
        if before in made:
            whole = log_dedup.without(whole, made[before])
        had = 0 if stored is None else len(stored)
        if part in fresh or len(whole) < had:
            tables.write(model, STAGE, part, whole)
        grown, made = grown + len(whole) - had, {part: whole}
    return grown
