"""The checks that block a candidate: its quality, and whether the packaged server answers for it."""

from typing import Any

import dagster as dg

from intermodal.assets.keys import key, with_cached_signature
from intermodal.platform import ports
from intermodal.platform.ports.registry import TrainingRecord
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.gate import judge_record, judge_servable
from intermodal.platform.training.slices import table


def slices_of(spec: ModelSpec, record: TrainingRecord) -> dict[str, Any]:
    return {"slices": dg.MetadataValue.md(table(spec.gate.name, record.slices))} if record.slices else {}


def quality(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The quality gate: whether the candidate is better than the baseline and not worse than the champion."""

    @dg.asset_check(
        asset=key(spec, "model"),
        blocking=True,
        description=f"{spec.gate.name} beats the baseline and is not worse than the champion's."
        if spec.gate.metric
        else "Nothing is compared: gate.metric is null.",
    )
    @with_cached_signature
    def quality_gate(registry: dg.ResourceParam[ports.ModelRegistry]) -> dg.AssetCheckResult:
        record = registry.candidate(spec.name).record
        verdict = judge_record(spec.gate, record)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            metadata={
                **record.metrics,
                **slices_of(spec, record),
                "reasons": dg.MetadataValue.md(" ".join(verdict.reasons)),
            },
        )

    return quality_gate


def servable(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """Whether the packaged server started on the candidate and answered as the fitted model did."""

    @dg.asset_check(
        asset=key(spec, "model"),
        blocking=True,
        description="The packaged server starts on the candidate, and answers the golden rows and every kind of value "
        "that the partitions had.",
    )
    @with_cached_signature
    def servable(registry: dg.ResourceParam[ports.ModelRegistry]) -> dg.AssetCheckResult:
        verdict = judge_servable(registry.candidate(spec.name).record.servable)
        return dg.AssetCheckResult(
            passed=verdict.passed, metadata={"reasons": dg.MetadataValue.md(" ".join(verdict.reasons))}
        )

    return servable
