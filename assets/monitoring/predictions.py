"""``<model>/predictions``: what all clouds answered, gathered from their prediction logs, each request once."""

import time

import dagster as dg
import pandas as pd

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring import predictions
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.log_retention import STAGE, remove_old
from intermodal.platform.ports import Tables
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud, parse_target


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
        required_resource_keys={ports.TABLES, *(ports.store_key(cloud) for cloud in clouds)},
    )
    @signed
    def _predictions(context: Context) -> dg.MaterializeResult[None]:
        tables, rows, left, damaged = ports.tables(context), dict[Cloud, int](), dict[str, str](), list[str]()
        for cloud in clouds:
            try:
                rows[cloud] = gather(tables, ports.store(context, cloud), spec.name, damaged)
            except IntermodalError as error:  # its objects stay where they are, for the next time
                left[cloud] = error.message
                context.log.warning("%s: not all of its log was read now: %s", cloud, error)
        read = [ports.store(context, cloud) for cloud in rows]
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


def newest(tables: Tables, model: str, version: str, rows: int, since: float = 0.0) -> pd.DataFrame:
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
