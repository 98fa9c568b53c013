"""Gathering one cloud's prediction log into parts of five minutes."""

import time
from collections.abc import Mapping

import pandas as pd

from intermodal.assets.predictions_kept import GATHERED, STAGE
from intermodal.platform import ports, prediction_parts, predictions
from intermodal.platform.clouds import Cloud
from intermodal.platform.errors import SpecError
from intermodal.platform.prediction_log import FOLDER, folder, hour_of

LATE_HOURS = 2
"""An object may appear so long after the hour in its key: a server that could not write tries for a while."""


def gather(tables: ports.Tables, store: ports.ObjectStore, model: str, damaged: list[str]) -> int:
    """Add what the cloud's log has since the last time; by how many rows the table grew. Objects that are none of this
    model's log are passed over, once, and said in ``damaged``.

    Killed half-way, the next one reads the same objects again, and no request comes in twice.
    """
    known = _known(tables, model, store.cloud)
    fresh = sorted(_listed(store, model, known) - set(known))
    found: list[pd.DataFrame] = []
    for object_key in fresh:
        data = store.get(object_key)
        try:
            header, rows = predictions.read(data, object_key)
            if header.model != model:
                raise SpecError(f"{object_key} is of the model '{header.model}'.")
            found.append(rows)
        except SpecError as error:  # it counts as gathered: it would be as wrong the next time, and others wait
            damaged.append(error.message)
    added = _add(tables, model, predictions.parts(pd.concat(found, ignore_index=True))) if found else 0
    if fresh:
        newest = sorted({*known, *fresh}, key=_hour)
        since = predictions.hours(_hour(newest[0]), _hour(newest[-1]))[-LATE_HOURS - 1 :]
        kept = [one for one in newest if _hour(one) in since]
        tables.write(model, GATHERED, store.cloud, pd.DataFrame({"object": kept}))
    return added


def _hour(object_key: str) -> str:
    return object_key.split("/")[-2]


def _known(tables: ports.Tables, model: str, cloud: Cloud) -> list[str]:
    return list(tables.read(model, GATHERED, cloud)["object"]) if cloud in tables.partitions(model, GATHERED) else []


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
    borders, made = prediction_parts.borders(fresh), dict[str, pd.DataFrame]()
    for part in sorted({*fresh, *(borders.keys() & present)}):
        stored = tables.read(model, STAGE, part) if part in present else None
        before = borders.get(part)
        if before in present and before not in made:
            made = {before: tables.read(model, STAGE, before)}
        rows = [one for one in (stored, fresh.get(part)) if one is not None]
        whole = predictions.once(pd.concat(rows, ignore_index=True))
        if before in made:
            whole = prediction_parts.without(whole, made[before])
        had = 0 if stored is None else len(stored)
        if part in fresh or len(whole) < had:
            tables.write(model, STAGE, part, whole)
        grown, made = grown + len(whole) - had, {part: whole}
    return grown
