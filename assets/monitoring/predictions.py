"""``<model>/predictions``: requests and answers of all targets, gathered from their sites' logs, each request once."""

import time

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring.log_gathering import gather
from intermodal.platform.monitoring.log_retention import PREDICTIONS_STAGE, remove_old
from intermodal.platform.ports import ObjectStore
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site


def predictions_asset(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "predictions",
            kinds={"pandas", "parquet"},
            description="Requests and answers of all targets, each once, in parts of five minutes. Sensitive columns "
            f"are not logged. Rows older than {spec.log_keep_days} days are deleted, here and at the sites.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.TABLES, ports.STORES},
    )
    @with_cached_signature
    def _predictions(context: Context) -> dg.MaterializeResult[None]:
        tables, damaged = ports.tables(context), list[str]()
        rows, read, not_read = dict[Site, int](), list[ObjectStore](), dict[Site, str]()
        for site in spec.sites:
            try:
                store = ports.stores(context).get(site)
                rows[site] = gather(tables, store, spec.name, damaged)
            except IntermodalError as error:  # the next run reads its objects
                not_read[site] = error.message
                context.log.warning("%s: its log was not read completely: %s", site, error)
            else:
                read.append(store)
        removed = remove_old(tables, read, spec, spec.sites, time.time())
        parts = tables.partitions(spec.name, PREDICTIONS_STAGE)
        return dg.MaterializeResult(
            metadata={
                "new_rows": sum(rows.values()),
                **{f"new_rows_{site}": count for site, count in rows.items()},
                "parts": len(parts),
                "newest_part": parts[-1] if parts else "none",
                "damaged": "; ".join(damaged) or "nothing",
                "not_read": ", ".join(f"{site}: {why}" for site, why in not_read.items()) or "nothing",
                **{f"removed_objects_{site}": count for site, count in removed.objects.items()},
                "removed_parts": removed.parts,
                "not_removed": ", ".join(f"{site}: {why}" for site, why in removed.left.items()) or "nothing",
            }
        )

    return _predictions
