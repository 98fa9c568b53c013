"""``<model>/dataset`` and ``<model>/features``: rows and features, partitioned by month."""

from datetime import date

import dagster as dg
import pandas as pd

from intermodal.assets.functions import ModelFunctions
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import contract
from intermodal.platform.training.dataframes import digest


def partitions(spec: ModelSpec) -> dg.MonthlyPartitionsDefinition:
    months = spec.data.partitions.monthly
    if months.end is None:
        return dg.MonthlyPartitionsDefinition(f"{months.start}-01")
    year, month = map(int, months.end.split("-"))
    after = date(year + month // 12, month % 12 + 1, 1)
    return dg.MonthlyPartitionsDefinition(f"{months.start}-01", end_date=after.isoformat())


def dataset(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """The rows that the model's data function returns, one partition for each month."""

    @dg.asset(
        **attributes(spec, "dataset", kinds={"pandas", "parquet"}, description=f"Rows for {spec.name}, by month."),
        partitions_def=partitions(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=functions.code,
    )
    @with_cached_signature
    def _dataset(context: Context, tables: dg.ResourceParam[ports.Tables]) -> None:
        for month in context.partition_keys:
            table = contract.rows_of(spec, functions.load, month)
            tables.write(spec.name, "dataset", month, table)
            context.add_asset_metadata(_numbers(table), partition_key=month)
            context.log.info("%s: %d rows", month, len(table))

    return _dataset


def features(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """Inputs and target that the feature function computes from each month's rows."""

    @dg.asset(
        **attributes(spec, "features", kinds={"pandas", "parquet"}, description="Inputs and target, by month."),
        deps=[key(spec, "dataset")],
        partitions_def=partitions(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=functions.code,
    )
    @with_cached_signature
    def _features(context: Context, tables: dg.ResourceParam[ports.Tables]) -> None:
        for month in context.partition_keys:
            rows = tables.read(spec.name, "dataset", month)
            table = contract.features_of(spec, functions.features, rows, month)
            tables.write(spec.name, "features", month, table)
            metadata = _numbers(table) | {"target_mean": _mean(table[spec.features.targets[0]])}
            context.add_asset_metadata({k: v for k, v in metadata.items() if v is not None}, partition_key=month)

    return _features


def _numbers(table: pd.DataFrame) -> dict[str, object]:
    return {"dagster/row_count": len(table), "columns": table.shape[1], "sha256": digest(table)}


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if pd.api.types.is_numeric_dtype(values) else None
