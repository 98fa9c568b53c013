"""``<model>/model``: a candidate trained on the newest window, and its quality gate."""

import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pandas as pd
from pydantic import create_model

from intermodal.assets.functions import ModelFunctions
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.errors import Lost, SpecError
from intermodal.platform.ports.registry import Candidate, TrainingRecord
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training import fit
from intermodal.platform.training.dataframes import digest
from intermodal.platform.training.gate import judge_metrics
from intermodal.platform.training.metrics import score
from intermodal.platform.training.windows import TrainingWindow, latest_window


def training_config(spec: ModelSpec) -> type[dg.Config]:
    """The run configuration: the spec's hyperparameters with its values as defaults, and the month to hold out."""
    hyperparameters: Any = create_model(
        "Hyperparameters",
        __base__=dg.Config,
        **{name: (type(value), value) for name, value in spec.train.hyperparameters.items()},  # type: ignore[call-overload]
    )
    return create_model(
        "TrainingConfig",
        __base__=dg.Config,
        hyperparameters=(hyperparameters, hyperparameters()),
        holdout=(str, ""),
    )


def model(spec: ModelSpec, functions: ModelFunctions) -> dg.AssetsDefinition:
    """Train on the window, compare with baseline and champion on the month after it, and record the candidate."""
    configuration = training_config(spec)

    def _model(
        context: Context,
        config: Any,
        tables: dg.ResourceParam[ports.Tables],
        registry: dg.ResourceParam[ports.ModelRegistry],
        mlflow: dg.ResourceParam[Any],
    ) -> dg.MaterializeResult[None]:
        hyperparameters = config.hyperparameters.model_dump()
        window = latest_window(tables.partitions(spec.name, "features"), spec.train.window, config.holdout)
        months = {month: tables.read(spec.name, "features", month) for month in (*window.train, window.holdout)}
        rows, heldout = pd.concat([months[month] for month in window.train], ignore_index=True), months[window.holdout]
        inputs, target = rows.drop(columns=spec.features.not_inputs), rows[spec.features.target]
        if unknown := set(spec.features.sensitive) - set(inputs.columns):
            raise SpecError(
                f"features.sensitive names {', '.join(sorted(unknown))}, which are not inputs.",
                hint=f"The inputs are {', '.join(map(str, inputs.columns))}.",
            )
        context.log.info("training on %s, held out: %s", ", ".join(window.train), window.holdout)
        started = time.perf_counter()
        fitted = fit.fit(functions.fit, inputs, target, hyperparameters)
        seconds = time.perf_counter() - started
        metrics = _measure(spec, functions, registry, fitted, (inputs, target), heldout, context.log)
        partitions = {month: digest(months[month]) for month in window.train}
        parameters = {**hyperparameters, "window": spec.train.window}
        record = TrainingRecord(
            model=spec.name,
            run_id=mlflow.active_run().info.run_id,
            task=fitted.task,
            signature=fitted.signature,
            fingerprint=fit.fingerprint(fitted.signature, partitions, functions.code, parameters),
            partitions=partitions,
            holdout=window.holdout,
            parameters=parameters,
            metrics=metrics,
            environment=fit.environment(),
            code=functions.code,
        )
        with TemporaryDirectory() as folder:
            fit.package(spec, fitted, rows, heldout, Path(folder))
            candidate = registry.record(Path(folder), record)
        mlflow.end_run()
        return dg.MaterializeResult(metadata=_metadata(candidate, window, len(rows), len(heldout), seconds))

    _model.__annotations__["config"] = configuration
    return dg.asset(
        **attributes(spec, "model", kinds={"python", "mlflow"}, description=f"A candidate: {spec.description}".strip()),
        deps=[key(spec, "features")],
        code_version=functions.code,
    )(with_cached_signature(_model))


def _measure(
    spec: ModelSpec,
    functions: ModelFunctions,
    registry: ports.ModelRegistry,
    fitted: fit.Fitted,
    window: tuple[pd.DataFrame, pd.Series],
    heldout: pd.DataFrame,
    log: logging.Logger,
) -> dict[str, float]:
    """The gate's metric for the candidate, the baseline and the champion, on the same held-out rows.

    A champion that the registry has lost is not compared with: training is the way out.
    """
    metric: str = spec.gate.metric
    truth = heldout[spec.features.target]
    rows = heldout.drop(columns=spec.features.not_inputs)
    figures: dict[str, float] = {metric: fitted.score(metric, rows, truth)}
    if functions.baseline is not None:
        guesses = functions.baseline(*window)(rows)
        figures[f"baseline_{metric}"] = score(metric, truth, guesses, fitted.task, fitted.classes)
    try:
        champion = registry.champion(spec.name) if spec.gate.not_worse_than == "champion" else None
        if champion is None or not _comparable(champion.candidate.record, fitted, rows):
            return figures
        predict = registry.predictor(champion.candidate)
    except Lost as error:
        log.warning("the candidate is not compared with the champion. %s", error)
        return figures
    return {**figures, f"champion_{metric}": score(metric, truth, predict(rows), fitted.task, fitted.classes)}


def _comparable(champion: TrainingRecord, fitted: fit.Fitted, rows: pd.DataFrame) -> bool:
    """Whether the champion can predict these rows: it has the same task, and all columns that it requires exist."""
    required = {column.name for column in champion.signature.inputs if not column.nullable}
    return champion.task == fitted.task and required <= set(rows.columns)


def _metadata(candidate: Candidate, window: TrainingWindow, rows: int, heldout: int, seconds: float) -> dict[str, Any]:
    return {
        **candidate.record.metrics,
        "trained_on": ", ".join(month[:7] for month in window.train),
        "held_out": window.holdout[:7],
        "rows": rows,
        "held_out_rows": heldout,
        "fit_seconds": round(seconds, 3),
        "package_bytes": candidate.manifest.size,
        "placement": "local: this Dagster run",
        "mlflow_run": candidate.record.run_id,
    }


def quality(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The quality gate: whether the candidate is better than the baseline and not worse than the champion."""

    @dg.asset_check(
        asset=key(spec, "model"),
        blocking=True,
        description=f"{spec.gate.metric} beats the baseline and is not worse than the champion's.",
    )
    @with_cached_signature
    def quality_gate(registry: dg.ResourceParam[ports.ModelRegistry]) -> dg.AssetCheckResult:
        metrics = registry.candidate(spec.name).record.metrics
        verdict = judge_metrics(spec.gate.metric, metrics, spec.gate.margin)
        return dg.AssetCheckResult(
            passed=verdict.passed, metadata={**metrics, "reasons": dg.MetadataValue.md(" ".join(verdict.reasons))}
        )

    return quality_gate
