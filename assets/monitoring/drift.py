"""``<model>/drift``: is what the served version is asked, and what it predicts, still what it was trained on?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, get_args

import dagster as dg
import pandas as pd

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.assets.monitoring.predictions import newest
from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring.counts import Counts, count
from intermodal.platform.monitoring.divergence import CloudFinding, between
from intermodal.platform.monitoring.drift import Drift, Moved, Verdict, compare, judge
from intermodal.platform.monitoring.performance import live
from intermodal.platform.monitoring.predictions import CLOUD
from intermodal.platform.monitoring.quality import Finding, findings
from intermodal.platform.monitoring.served import served_of
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.protocol.package import PROFILE
from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import ModelSpec
from intermodal.platform.training.profile import Profile

MARKS = re.compile(r"([\\`\[\]<>&])")
"""Characters that would make a picture, a link or HTML of a text in Markdown."""


def drift(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "drift",
            kinds={"pandas"},
            description=f"The newest {spec.drift.rows} rows that the served version was asked, of all clouds together "
            "and of each, against its training: drift, data quality, and how well it predicts where labels have come.",
        ),
        deps=[key(spec, "predictions"), key(spec, "version")],
        required_resource_keys={ports.REGISTRY, ports.GATEWAY, ports.TABLES, ports.GAUGES},
    )
    @signed
    def _drift(context: Context) -> dg.MaterializeResult[None]:
        registry, tables = ports.registry(context), ports.tables(context)
        served = served_of(registry, ports.gateway(context), spec.name)
        profile = Profile.from_json(registry.read(served.candidate, PROFILE))
        # One that was sensitive when the version was trained is in neither its profile nor its log.
        columns = [column for column in logged_columns(spec, served) if column.name in profile.by_name]
        rows = newest(tables, spec.name, served.version, spec.drift.rows, served.registered_at or 0.0)
        by_cloud = {cloud: _count(profile, group, columns) for cloud, group in rows.groupby(CLOUD)}
        counts = reduce(add, by_cloud.values()) if by_cloud else _count(profile, rows, columns)
        measured = compare(profile, counts)
        verdict = judge(measured, spec.drift)
        odd, wrong = between(profile, by_cloud, spec.drift), findings(profile, counts)
        apart = {cloud: compare(profile, one) for cloud, one in by_cloud.items()}
        try:
            gauges = list(_gauges(spec, served.version, {"": measured, **apart}, verdict))
            ports.gauges(context).push(f"drift-{spec.name}", gauges)
        except IntermodalError as error:  # dashboards miss a point; the decision does not depend on them
            context.log.warning("the gauges were not taken: %s", error)
        numbers = {**_numbers(measured, verdict, apart), **live(spec, served, tables, rows)}
        return dg.MaterializeResult(
            metadata={
                "version": served.version,
                "state": verdict.state,
                "reasons": " ".join(verdict.reasons),
                **numbers,
                "columns": dg.MetadataValue.md(_table(measured, verdict)),
                "findings": dg.MetadataValue.md(_list([*odd, *wrong])),
                "finding_count": len(odd) + len(wrong),
                "clouds_apart": dg.MetadataValue.md(_list(odd)),
                "cloud_findings": len(odd),
                "quality": dg.MetadataValue.md(_list(wrong)),
                "quality_findings": len(wrong),
            }
        )

    return _drift


def logged_columns(spec: ModelSpec, served: RegisteredVersion) -> list[Column]:
    """The inputs that the prediction log has: those that are not sensitive."""
    inputs = served.candidate.record.signature.inputs
    return [column for column in inputs if column.name not in spec.features.sensitive]


def _count(profile: Profile, rows: pd.DataFrame, columns: Sequence[Column]) -> Counts:
    outputs = [name for name in profile.by_name if name.startswith("prediction_")]
    return count(profile, rows, rows.reindex(columns=outputs).to_numpy(dtype=float), columns)


def _numbers(measured: Drift, verdict: Verdict, apart: Mapping[str, Drift]) -> dict[str, Any]:
    """Plain numbers, which Dagster plots. ``psi_<cloud>`` is the cloud's largest PSI against training, as
    ``largest_psi`` is that of all clouds together."""
    predictions = [column.psi for column in measured.columns if column.kind == "prediction"]
    return {
        "rows": measured.rows,
        **{f"rows_{cloud}": one.rows for cloud, one in apart.items()},
        **{f"psi_{cloud}": _largest(one) for cloud, one in apart.items()},
        "drifted_share": round(verdict.share, 4),
        "prediction_psi": round(max(predictions, default=0.0), 4),
        "largest_psi": _largest(measured),
    }


def _largest(measured: Drift) -> float:
    return round(max((column.psi for column in measured.columns), default=0.0), 4)


def _table(measured: Drift, verdict: Verdict) -> str:
    header = ["", "column", "PSI", "KS", "JS", "missing", "missing in training", "unseen", "out of range"]
    lines = [header, ["---"] * len(header)]
    for one in sorted(measured.columns, key=lambda column: -column.psi):
        shares = (one.missing, one.missing_reference, one.unseen, one.out_of_range)
        lines.append(
            [
                "drifted" if one.name in verdict.columns else "",
                one.name,
                f"{one.psi:.3f}",
                "" if one.ks is None else f"{one.ks:.3f}",
                f"{one.js:.3f}",
                *(f"{share:.2%}" for share in shares),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(found: Sequence[CloudFinding | Finding]) -> str:
    """Markdown. A finding names categories that anybody may have sent: they are text, whatever they look like."""
    return "\n".join(f"- {_unmarked(one.text)}" for one in found) or "None."


def _unmarked(text: str) -> str:
    """On one line, without marks; nor is an address one, which the UI would make a link of."""
    apart = " ".join(text.split()).replace("://", ": //").replace("www.", "www .")
    return MARKS.sub(r"\\\1", apart)


def _gauges(
    spec: ModelSpec, version: str, measured: Mapping[str, Drift], verdict: Verdict
) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """One series for each column, together (cloud "") and on each cloud; and the decision, which alerts go by."""
    of = {"model": spec.name, "version": version}
    for cloud, one in measured.items():
        for column in one.columns:
            yield "intermodal_drift_psi", {**of, "column": column.name, "cloud": cloud}, column.psi
    yield "intermodal_drift_share", of, verdict.share
    yield "intermodal_drift_limit", {"model": spec.name}, spec.drift.share
    yield "intermodal_drift_prediction_limit", {"model": spec.name}, spec.drift.prediction_psi
    for what in get_args(Moved):
        yield "intermodal_drifted", {**of, "what": what}, float(what in verdict.moved)
