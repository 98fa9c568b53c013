"""``<model>/model``: a candidate trained on the newest window."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pandas as pd

from intermodal.assets import partitions as dagster_partitions
from intermodal.assets.functions import ModelFunctions
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.assets.training.configuration import training_config
from intermodal.assets.training.gates import slices_of
from intermodal.platform import ports
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.registry import Candidate, TrainingRecord
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import fit
from intermodal.platform.training.columns import columns_of_partitions
from intermodal.platform.training.comparison import (
    HeldOut,
    predicted,
    truth_of,
)
from intermodal.platform.training.dataframes import digest
from intermodal.platform.training.measuring import measure_all
from intermodal.platform.training.metric import Metric
from intermodal.platform.training.metrics import BY_CLASS
from intermodal.platform.training.partitions import check_partitions, constant_columns
from intermodal.platform.training.requirements import write_lock
from intermodal.platform.training.servable import try_server
from intermodal.platform.training.slices import require_slices
from intermodal.platform.training.windows import TrainingWindow, latest_window


def model(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """Train on the window, compare with baseline and champion on the partition after it, and record the candidate."""
    configuration = training_config(spec)

    def _model(
        context: Context,
        config: Any,
        tables: dg.ResourceParam[ports.Tables],
        registry: dg.ResourceParam[ports.ModelRegistry],
        package_server: dg.ResourceParam[ports.PackageServer],
        locker: dg.ResourceParam[ports.Locker],
        mlflow: dg.ResourceParam[Any],
    ) -> dg.MaterializeResult[None]:
        hyperparameters = config.hyperparameters.model_dump()
        requirements = functions.requirements()
        present, added = tables.partitions(spec.name, "features"), dagster_partitions.added(context.instance, spec)
        window = latest_window(spec.data.partitions, present, spec.train.window, config.holdout, added)
        parts = {key: tables.read(spec.name, "features", key) for key in (*window.train, window.holdout)}
        check_partitions(spec, parts, functions.features)
        rows, heldout = pd.concat([parts[key] for key in window.train], ignore_index=True), parts[window.holdout]
        inputs, target = rows.drop(columns=spec.features.not_inputs), truth_of(spec, rows)
        if unknown := set(spec.features.sensitive) - set(inputs.columns):
            raise SpecError(
                f"features.sensitive names {', '.join(sorted(unknown))}, which are not inputs.",
                hint=f"The inputs are {', '.join(map(str, inputs.columns))}.",
            )
        by_key = {key: table.drop(columns=spec.features.not_inputs) for key, table in parts.items()}
        columns = columns_of_partitions(
            {key: by_key[key] for key in window.train}, {window.holdout: by_key[window.holdout]}
        )
        require_slices(spec, columns, by_key[window.holdout])
        context.log.info("training on %s, held out: %s", ", ".join(window.train), window.holdout)
        started = time.perf_counter()
        fitted = fit.fit(
            functions.fit,
            inputs,
            target,
            hyperparameters,
            columns,
            spec.train.function,
            classifies=spec.gate.metric in BY_CLASS,
        )
        seconds = time.perf_counter() - started
        held_out = _held_out(spec, window, heldout)
        candidate_numbers = predicted(fitted, held_out)
        measured, slices = measure_all(
            spec,
            Metric.of(spec.gate, functions.metric),
            functions.baseline,
            registry,
            candidate_numbers,
            (inputs, target),
            held_out,
        )
        partitions = {key: digest(parts[key]) for key in window.train}
        parameters = {**hyperparameters, "window": spec.train.window}
        with TemporaryDirectory() as folder:
            stored = fit.package(spec, fitted, rows, heldout, Path(folder), functions.sources)
            environment = fit.environment(write_lock(requirements, Path(folder), locker, registry))
            record = TrainingRecord(
                model=spec.name,
                run_id=mlflow.active_run().info.run_id,
                task=fitted.task,
                signature=fitted.signature,
                fingerprint=fit.fingerprint(fitted.signature, partitions, functions.code, parameters, environment),
                partitions=partitions,
                holdout=window.holdout,
                parameters=parameters,
                metrics=measured.figures,
                environment=environment,
                code=functions.code,
                findings=(*measured.findings, *constant_columns(inputs, target), *stored),
                slices=slices,
            )
            every_row = pd.concat([inputs, by_key[window.holdout]], ignore_index=True)
            trial = try_server(package_server, fitted, every_row, Path(folder), spec.features.sensitive)
            candidate = registry.record(Path(folder), replace(record, servable=trial))
        mlflow.end_run()
        return dg.MaterializeResult(metadata=_metadata(spec, candidate, window, len(rows), len(heldout), seconds))

    _model.__annotations__["config"] = configuration
    return dg.asset(
        **attributes(spec, "model", kinds={"python", "mlflow"}, description=f"A candidate: {spec.description}".strip()),
        deps=[key(spec, "features")],
        code_version=functions.code,
    )(with_cached_signature(_model))


def _held_out(spec: ModelSpec, window: TrainingWindow, rows: pd.DataFrame) -> HeldOut:
    name = spec.data.partitions.name_of(window.holdout)
    return HeldOut(name, rows.drop(columns=spec.features.not_inputs), truth_of(spec, rows))


def _metadata(
    spec: ModelSpec, candidate: Candidate, window: TrainingWindow, rows: int, heldout: int, seconds: float
) -> dict[str, Any]:
    return {
        **candidate.record.metrics,
        **slices_of(spec, candidate.record),
        "trained_on": ", ".join(map(spec.data.partitions.name_of, window.train)),
        "held_out": spec.data.partitions.name_of(window.holdout),
        "rows": rows,
        "held_out_rows": heldout,
        "fit_seconds": round(seconds, 3),
        "package_bytes": candidate.manifest.size,
        "placement": "local: this Dagster run",
        "mlflow_run": candidate.record.run_id,
    }
