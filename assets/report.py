"""``<model>/drift_report``: the page that Evidently draws of what ``<model>/drift`` decided, kept in the registry."""

from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from intermodal.assets import resources
from intermodal.assets.common import Context, attributes, key, signed
from intermodal.assets.drift import logged_columns
from intermodal.assets.drift_report import html
from intermodal.assets.predictions import newest
from intermodal.assets.version import champion_of
from intermodal.platform.spec import ModelSpec


def report(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "drift_report",
            kinds={"evidently", "mlflow"},
            description="Training and now, column by column, drawn by Evidently: one page a day beside the version.",
        ),
        deps=[key(spec, "drift")],
        required_resource_keys={resources.REGISTRY, resources.TABLES},
    )
    @signed
    def _report(context: Context) -> dg.MaterializeResult[None]:
        registry, tables = resources.registry(context), resources.tables(context)
        champion = champion_of(registry, spec.name)
        current = newest(tables, spec.name, champion.version, spec.drift.rows, champion.registered_at or 0.0)
        if len(current) < spec.drift.min_rows:
            return dg.MaterializeResult(
                metadata={"report": f"not drawn: {len(current)} rows, it takes {spec.drift.min_rows}"}
            )
        months = champion.candidate.record.partitions
        reference = pd.concat([tables.read(spec.name, "features", month) for month in months], ignore_index=True)
        event = context.instance.get_latest_materialization_event(key(spec, "drift"))
        decided = event.asset_materialization if event else None
        page = html(
            reference,
            current,
            logged_columns(spec, champion),
            title=f"{spec.name} {champion.version}: training and now",
            decision=[str(decided.metadata["reasons"].value)] if decided else [],
            sensitive=spec.features.sensitive,
            psi=spec.drift.psi,
            share=spec.drift.share,
        )
        url = registry.attach(champion, f"drift/{datetime.now(UTC):%Y-%m-%d}.html", page.encode())
        return dg.MaterializeResult(
            metadata={"report": dg.MetadataValue.url(url), "version": champion.version, "rows": len(current)}
        )

    return _report
