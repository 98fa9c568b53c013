"""``<model>/dataset`` and ``<model>/features``: rows and features, by partition."""

import dagster as dg
import pandas as pd

from intermodal.assets import partitions
from intermodal.assets.functions import ModelFunctions
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import contract
from intermodal.platform.training.dataframes import digest


def dataset(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """The rows that the model's data function returns, by partition."""

    unit = spec.data.partitions.unit

    @dg.asset(
        **attributes(
            spec,
            "dataset",
            kinds={"pandas", "parquet"},
            description=f"Rows for {spec.name}, by {unit}.",
        ),
        partitions_def=partitions.definition(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=functions.code,
    )
    @with_cached_signature
    def _dataset(context: Context, tables: dg.ResourceParam[ports.Tables]) -> None:
        for partition in context.partition_keys:
            table = contract.rows_of(spec, functions.load, partition)
            tables.write(spec.name, "dataset", partition, table)
            context.add_asset_metadata(_numbers(table), partition_key=partition)
            context.log.info("%s: %d rows", partition, len(table))

    return _dataset


def features(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """Inputs and target that the feature function computes from the rows of each partition."""

    unit = spec.data.partitions.unit

    @dg.asset(
        **attributes(
            spec,
            "features",
            kinds={"pandas", "parquet"},
            description=f"Inputs and target, by {unit}.",
        ),
        deps=[key(spec, "dataset")],
        partitions_def=partitions.definition(spec),
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=functions.code,
    )
    @with_cached_signature
    def _features(context: Context, tables: dg.ResourceParam[ports.Tables]) -> None:
        for partition in context.partition_keys:
            rows = tables.read(spec.name, "dataset", partition)
            table = contract.features_of(spec, functions.features, rows, partition)
            tables.write(spec.name, "features", partition, table)
            metadata = _numbers(table) | _target_mean(spec, table)
            context.add_asset_metadata(metadata, partition_key=partition)

    return _features


def _numbers(table: pd.DataFrame) -> dict[str, object]:
    return {"dagster/row_count": len(table), "columns": table.shape[1], "sha256": digest(table)}


def _target_mean(spec: ModelSpec, table: pd.DataFrame) -> dict[str, object]:
    """The mean of the first target, if it is a number."""
    if not spec.features.targets or not pd.api.types.is_numeric_dtype(values := table[spec.features.targets[0]]):
        return {}
    return {"target_mean": float(values.mean())}
