"""``<model>/drift_report``: Evidently's page about what ``<model>/drift`` measured, stored in the registry."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.assets.monitoring.drift import logged_columns
from intermodal.platform.monitoring.drift_page import html
from intermodal.platform.monitoring.drift_result import latest_drift
from intermodal.platform.monitoring.predictions import newest
from intermodal.platform.monitoring.served import served_of
from intermodal.platform.protocol.package import PROFILE
from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.profile import Profile

MAX_PAGE_AGE_SECONDS = 3600.0


def report(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "drift_report",
            kinds={"evidently", "mlflow"},
            description="Evidently's comparison of training and current rows, by column: a page a day, updated hourly.",
        ),
        deps=[key(spec, "drift")],
        required_resource_keys={ports.REGISTRY, ports.GATEWAY, ports.TABLES},
    )
    @with_cached_signature
    def _report(context: Context) -> dg.MaterializeResult[None]:
        registry, tables = ports.registry(context), ports.tables(context)
        served = served_of(registry, ports.gateway(context), spec.name)
        current = newest(tables, spec.name, served.version, spec.drift.rows, served.registered_at or 0.0)
        if len(current) < spec.drift.min_rows:
            return dg.MaterializeResult(
                metadata={"report": f"not drawn: {len(current)} rows, at least {spec.drift.min_rows} are needed"}
            )
        decided = latest_drift(tables, spec.name)
        state = decided.state if decided else ""
        if drawn := _drawn(context, spec, served.version, state):
            return dg.MaterializeResult(metadata=drawn)
        keys = served.candidate.record.partitions
        reference = pd.concat([tables.read(spec.name, "features", key) for key in keys], ignore_index=True)
        page = html(
            reference,
            current,
            _with_profiled_texts(
                logged_columns(spec, served), Profile.from_json(registry.read(served.candidate, PROFILE))
            ),
            title=f"{spec.name} {served.version}: training and current rows",
            decision=decided.reasons if decided else [],
            sensitive=spec.features.sensitive,
            psi=spec.drift.psi,
            share=spec.drift.share,
        )
        url = registry.attach(served, f"drift/{datetime.now(UTC):%Y-%m-%d}.html", page.encode())
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(url),
                "version": served.version,
                "state": state,
                "rows": len(current),
                "drawn": dg.MetadataValue.timestamp(time.time()),
            }
        )

    return _report


def _with_profiled_texts(columns: Sequence[Column], profile: Profile) -> list[Column]:
    """Text that is no category is drawn by the values that its profile has."""
    return [
        replace(column, categories=profile.by_name[column.name].categories)
        if column.datatype == "BYTES" and column.name in profile.by_name
        else column
        for column in columns
    ]


def _drawn(context: Context, spec: ModelSpec, version: str, state: str) -> Mapping[str, dg.MetadataValue]:
    """The metadata of the newest page if it is less than an hour old, of this version, and of the same decision; else
    empty. A page takes Evidently seconds and the registry some megabytes, and quiet models are measured often."""
    event = context.instance.get_latest_materialization_event(key(spec, "drift_report"))
    page = event.asset_materialization.metadata if event and event.asset_materialization else {}
    values = {name: value.value for name, value in page.items()}
    current = (values.get("version"), values.get("state")) == (version, state)
    return page if current and time.time() - float(values.get("drawn") or 0) < MAX_PAGE_AGE_SECONDS else {}
