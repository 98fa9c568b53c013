"""``<model>/predictions``: what all clouds answered, gathered from their prediction logs, each request once."""

import time

import dagster as dg
import pandas as pd

from intermodal.assets import resources
from intermodal.assets.common import Context, attributes, key, signed
from intermodal.assets.predictions_kept import GATHERED, STAGE, remove_old
from intermodal.platform import ports, predictions
from intermodal.platform.clouds import Cloud, parse_target
from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.prediction_log import FOLDER, folder, hour_of
from intermodal.platform.spec import ModelSpec

LATE_HOURS = 2
"""An object may appear so long after the hour in its key: a server that could not write tries for a while."""


def clouds_of(spec: ModelSpec) -> list[Cloud]:
    return [parse_target(target).cloud for target in spec.serve]


def predictions_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    clouds = clouds_of(spec)

    @dg.asset(
        **attributes(
            spec,
            "predictions",
            kinds={"pandas", "parquet"},
            description="Requests and answers of all clouds, each once, in parts of five minutes; sensitive columns "
            f"are not written. What is older than {spec.log_keep_days} days is removed, here and in the clouds.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={resources.TABLES, *(resources.store_key(cloud) for cloud in clouds)},
    )
    @signed
    def _predictions(context: Context) -> dg.MaterializeResult[None]:
        tables, rows, left, damaged = resources.tables(context), dict[Cloud, int](), dict[str, str](), list[str]()
        for cloud in clouds:
            try:
                rows[cloud] = gather(tables, resources.store(context, cloud), spec.name, damaged)
            except IntermodalError as error:  # its objects stay where they are, for the next time
                left[cloud] = error.message
                context.log.warning("%s: its log was not read now: %s", cloud, error)
        read = [resources.store(context, cloud) for cloud in rows]
        removed = remove_old(tables, read, spec, clouds, time.time())
        parts = tables.partitions(spec.name, STAGE)
        return dg.MaterializeResult(
            metadata={
                "new_rows": sum(rows.values()),
                **{f"new_rows_{cloud}": count for cloud, count in rows.items()},
                "parts": len(parts),
                "newest_part": parts[-1] if parts else "none",
                "damaged": "; ".join(damaged) or "nothing",
                "not_read": ", ".join(f"{cloud}: {why}" for cloud, why in left.items()) or "nothing",
                **{f"removed_objects_{cloud}": count for cloud, count in removed.objects.items()},
                "removed_parts": removed.parts,
                "not_removed": ", ".join(f"{cloud}: {why}" for cloud, why in removed.left.items()) or "nothing",
            }
        )

    return _predictions


def gather(tables: ports.Tables, store: ports.ObjectStore, model: str, damaged: list[str]) -> int:
    """Add what the cloud's log has since the last time; how many rows were new. Objects that are none of this model's
    log are passed over, once, and said in ``damaged``.

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
    added = _add(tables, model, pd.concat(found, ignore_index=True)) if found else 0
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


def _add(tables: ports.Tables, model: str, rows: pd.DataFrame) -> int:
    present, added = set(tables.partitions(model, STAGE)), 0
    for part, group in predictions.parts(rows).items():
        before = tables.read(model, STAGE, part) if part in present else None
        whole = predictions.once(group if before is None else pd.concat([before, group], ignore_index=True))
        added += len(whole) - (0 if before is None else len(before))
        tables.write(model, STAGE, part, whole)
    return added


def newest(tables: ports.Tables, model: str, version: str, rows: int, since: float = 0.0) -> pd.DataFrame:
    """The newest rows that a version predicted, at most ``rows``; an empty table when there are none.

    ``since`` is when the version was registered (Unix seconds): nothing older is looked at.
    """
    found: list[pd.DataFrame] = []
    have = 0
    first = predictions.part_of(since)
    for part in reversed(tables.partitions(model, STAGE)):
        if part < first:
            break
        one = tables.read(model, STAGE, part)
        found.append(one[one[predictions.VERSION] == version])
        have += len(found[-1])
        if have >= rows:
            break
    if not have:
        return pd.DataFrame({name: [] for name in predictions.META})
    in_order = pd.concat(found, ignore_index=True).sort_values(predictions.AT, kind="stable")
    return in_order.tail(rows).reset_index(drop=True)
