"""What the drift asset measured, where people look for it: warnings in the UI. None of them starts a training."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from intermodal.assets.keys import key, signed
from intermodal.platform.spec import ModelSpec


def no_drift(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether the newest measurement decided that the data has drifted."""

    @dg.asset_check(
        asset=key(spec, "drift"),
        name="no_drift",
        description=f"Less than {spec.drift.share:.0%} of the inputs have a PSI over {spec.drift.psi:g}, and the "
        f"predictions' is not over {spec.drift.prediction_psi:g}.",
    )
    @signed
    def _no_drift(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = _newest(context, spec)
        if found is None:
            return dg.AssetCheckResult(passed=False, metadata={"reasons": "It was never measured."})
        return dg.AssetCheckResult(
            passed=found["state"].value != "drifted",
            severity=dg.AssetCheckSeverity.WARN,
            metadata={name: found[name] for name in ("state", "reasons", "findings")},
        )

    return _no_drift


def no_quality_findings(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether the newest measurement found something wrong with the inputs, drifted or not."""
    said = "No input is absent, newly missing, constant, of new categories or out of its training range."
    return _none_found(spec, "no_quality_findings", said, "quality_findings", "quality")


def no_cloud_findings(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether a cloud is asked by other people than the others, or answers them otherwise."""
    said = "No cloud sees another population than the other clouds, or predicts otherwise."
    return _none_found(spec, "no_cloud_findings", said, "cloud_findings", "clouds_apart")


def _none_found(spec: ModelSpec, name: str, description: str, count: str, text: str) -> dg.AssetChecksDefinition:
    """A warning unless the drift asset's newest metadata ``count`` is 0; ``text`` is the metadata that says why."""

    @dg.asset_check(asset=key(spec, "drift"), name=name, description=description)
    @signed
    def _none(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        found = _newest(context, spec)
        if found is None or count not in found:  # never, or by a release that did not tell it apart
            return dg.AssetCheckResult(passed=False, metadata={text: "It was never measured."})
        return dg.AssetCheckResult(
            passed=found[count].value == 0,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={name: found[name] for name in ("version", text)},
        )

    return _none


def _newest(context: dg.AssetCheckExecutionContext, spec: ModelSpec) -> Mapping[str, dg.MetadataValue[Any]] | None:
    event = context.instance.get_latest_materialization_event(key(spec, "drift"))
    return None if event is None or event.asset_materialization is None else event.asset_materialization.metadata
