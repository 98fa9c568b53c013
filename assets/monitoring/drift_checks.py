"""Checks that display the newest drift measurement as warnings in the UI. None of them starts a training."""

from collections.abc import Callable, Sequence

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.keys import key, with_cached_signature
from intermodal.platform.monitoring.drift_metadata import as_list
from intermodal.platform.monitoring.drift_result import DriftResult, latest_drift
from intermodal.platform.spec import ModelSpec

NOT_MEASURED = "Drift was never measured."


def no_drift(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether the newest measurement decided that the data has drifted."""

    @dg.asset_check(
        asset=key(spec, "drift"),
        name="no_drift",
        description=f"Less than {spec.drift.share:.0%} of the inputs have a PSI over {spec.drift.psi:g}, and no "
        f"prediction has one over {spec.drift.prediction_psi:g}.",
        required_resource_keys={ports.TABLES},
    )
    @with_cached_signature
    def _no_drift(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        result = latest_drift(ports.tables(context), spec.name)
        if result is None:
            return dg.AssetCheckResult(passed=False, metadata={"reasons": NOT_MEASURED})
        return dg.AssetCheckResult(
            passed=not result.drifted,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "version": result.version,
                "state": result.state,
                "reasons": " ".join(result.reasons),
                "findings": dg.MetadataValue.md(as_list([*result.target_findings, *result.quality_findings])),
            },
        )

    return _no_drift


def no_quality_findings(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether the newest measurement found a fault of the inputs. Independent of drift."""
    description = "No input is absent, newly missing, constant, outside of its training range or has new categories."
    return _no_findings(spec, "no_quality_findings", description, lambda result: result.quality_findings)


def no_target_findings(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether a target gets another population of requests than the others, or predicts differently."""
    description = "All targets get the same population of requests and predict alike."
    return _no_findings(spec, "no_target_findings", description, lambda result: result.target_findings)


def _no_findings(
    spec: ModelSpec, name: str, description: str, findings: Callable[[DriftResult], Sequence[str]]
) -> dg.AssetChecksDefinition:
    """A check that warns if the newest measurement has any of these ``findings``."""

    @dg.asset_check(asset=key(spec, "drift"), name=name, description=description, required_resource_keys={ports.TABLES})
    @with_cached_signature
    def _none(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        result = latest_drift(ports.tables(context), spec.name)
        if result is None:
            return dg.AssetCheckResult(passed=False, metadata={"findings": NOT_MEASURED})
        return dg.AssetCheckResult(
            passed=not findings(result),
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"version": result.version, "findings": dg.MetadataValue.md(as_list(findings(result)))},
        )

    return _none
