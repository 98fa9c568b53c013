"""``<model>/drift``: how far the served version's inputs and predictions have moved from its training."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, get_args

import dagster as dg
import pandas as pd

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.assets.partitions import added
from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.monitoring.counts import RowCounts, count
from intermodal.platform.monitoring.divergence import divergent_targets
from intermodal.platform.monitoring.drift import Drift, DriftVerdict, Moved, compare, judge
from intermodal.platform.monitoring.drift_metadata import as_list, numbers, table
from intermodal.platform.monitoring.drift_result import DriftResult, keep_drift
from intermodal.platform.monitoring.performance import live
from intermodal.platform.monitoring.predictions import TARGET, newest
from intermodal.platform.monitoring.quality import findings
from intermodal.platform.monitoring.served import served_of
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.protocol.package import PROFILE
from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import parse_target
from intermodal.platform.training.profile import Profile


def drift(spec: ModelSpec, metric: Callable[..., Any] | None = None) -> dg.AssetsDefinition:
    """``metric`` is the metric function of the spec's gate, if it names one."""

    @dg.asset(
        **attributes(
            spec,
            "drift",
            kinds={"pandas"},
            description=f"Compares the newest {spec.drift.rows} rows that the served version predicted with its "
            "training, for all targets together and for each: drift, data quality, and the metric on labelled rows.",
        ),
        deps=[key(spec, "predictions"), key(spec, "version")],
        required_resource_keys={ports.REGISTRY, ports.GATEWAY, ports.TABLES, ports.GAUGES},
    )
    @with_cached_signature
    def _drift(context: Context) -> dg.MaterializeResult[None]:
        registry, tables = ports.registry(context), ports.tables(context)
        served = served_of(registry, ports.gateway(context), spec.name)
        profile = Profile.from_json(registry.read(served.candidate, PROFILE))
        # A column that was sensitive when the version was trained is neither in its profile nor in its log.
        columns = [column for column in logged_columns(spec, served) if column.name in profile.by_name]
        rows = newest(tables, spec.name, served.version, spec.drift.rows, served.registered_at or 0.0)
        by_target = {str(target): _count(profile, group, columns) for target, group in rows.groupby(TARGET)}
        counts = reduce(add, by_target.values()) if by_target else _count(profile, rows, columns)
        measured = compare(profile, counts)
        verdict = judge(measured, spec.drift)
        odd, wrong = divergent_targets(profile, by_target, spec.drift), findings(profile, counts)
        apart = {target: compare(profile, each) for target, each in by_target.items()}
        result = DriftResult(
            version=served.version,
            state=verdict.state,
            measured_at=time.time(),
            rows=measured.rows,
            share=verdict.share,
            moved=verdict.moved,
            reasons=verdict.reasons,
            target_findings=tuple(finding.text for finding in odd),
            quality_findings=tuple(finding.text for finding in wrong),
        )
        keep_drift(tables, spec.name, result)
        try:
            gauges = list(_gauges(spec, served.version, {"": measured, **apart}, verdict))
            ports.gauges(context).push(f"drift-{spec.name}", gauges)
        except IntermodalError as error:  # dashboards lack a point; the decision does not depend on them
            context.log.warning("the gauges were not pushed: %s", error)
        return dg.MaterializeResult(
            metadata={
                "version": result.version,
                "state": result.state,
                "reasons": " ".join(result.reasons),
                **numbers(measured, verdict, apart),
                **live(spec, served, tables, rows, added(context.instance, spec), metric),
                "columns": dg.MetadataValue.md(table(measured, verdict)),
                "findings": dg.MetadataValue.md(as_list([*result.target_findings, *result.quality_findings])),
                "finding_count": len(odd) + len(wrong),
                "target_findings": len(odd),
                "quality": dg.MetadataValue.md(as_list(result.quality_findings)),
                "quality_findings": len(wrong),
            }
        )

    return _drift


def logged_columns(spec: ModelSpec, served: RegisteredVersion) -> list[Column]:
    """The inputs that the prediction log contains: those that are not sensitive."""
    inputs = served.candidate.record.signature.inputs
    return [column for column in inputs if column.name not in spec.features.sensitive]


def _count(profile: Profile, rows: pd.DataFrame, columns: Sequence[Column]) -> RowCounts:
    outputs = [name for name in profile.by_name if name.startswith("prediction_")]
    return count(profile, rows, rows.reindex(columns=outputs).to_numpy(dtype=float), columns)


def _gauges(
    spec: ModelSpec, version: str, measured: Mapping[str, Drift], verdict: DriftVerdict
) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """PSI of each column, for all targets together (target and cloud are "") and for each; and the decision."""
    of = {"model": spec.name, "version": version}
    for target, each in measured.items():
        where = {"target": target, "cloud": _cloud_of(target)}
        for column in each.columns:
            yield "intermodal_drift_psi", {**of, "column": column.name, **where}, column.psi
    yield "intermodal_drift_share", of, verdict.share
    yield "intermodal_drift_limit", {"model": spec.name}, spec.drift.share
    yield "intermodal_drift_prediction_limit", {"model": spec.name}, spec.drift.prediction_psi
    for what in get_args(Moved):
        yield "intermodal_drifted", {**of, "what": what}, float(what in verdict.moved)


def _cloud_of(target: str) -> str:
    """The cloud of a target's text. Empty for all targets together, and for a text in a log that is not a target."""
    try:
        return parse_target(target).cloud if target else ""
    except SpecError:
        return ""
