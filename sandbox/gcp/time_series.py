"""Filtering, aligning and reducing of time series, as far as it is emulated.

https://cloud.google.com/monitoring/api/v3/filters, https://cloud.google.com/monitoring/api/v3/aggregation
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.measured import Metric, Series, Source, Value

Json = dict[str, Any]
SCALE, GROWTH, FINITE = 1.0, 1.4, 66
"""Exponential buckets of Google's own latency metrics."""
_BOUNDS = [SCALE * GROWTH**index for index in range(FINITE + 1)]
_CLAUSE = re.compile(r'([\w.]+)\s*=\s*(?:"([^"]*)"|one_of\(((?:"[^"]*",?\s*)+)\))')


@dataclass(frozen=True)
class Aggregation:
    """``period`` in seconds, 0 for none."""

    period: float
    aligner: str
    reducer: str
    group_by: tuple[str, ...]


@dataclass(frozen=True)
class Filter:
    """Field → the values that it may have, ``resource.label.x`` written as ``resource.labels.x``."""

    clauses: Mapping[str, frozenset[str]]

    @classmethod
    def read(cls, text: str) -> "Filter":
        found: dict[str, frozenset[str]] = {}
        for clause in re.split(r"\s+AND\s+", text.strip()):
            match = _CLAUSE.fullmatch(clause.strip())
            if match is None:
                raise ApiError("UNIMPLEMENTED", f"The sandbox takes filters of a=\"b\" and one_of(), not '{clause}'.")
            values = [match[2]] if match[2] is not None else re.findall(r'"([^"]*)"', match[3])
            found[_plural(match[1])] = frozenset(values)
        if len(found.get("metric.type", ())) != 1:
            raise ApiError("INVALID_ARGUMENT", "Field filter must name exactly one metric.type.")
        return cls(found)

    @property
    def metric(self) -> str:
        return next(iter(self.clauses["metric.type"]))

    def takes(self, series: Series, resource: str) -> bool:
        fields = {"metric.type": self.metric, "resource.type": resource, **_fields(series)}
        return all(fields.get(name, "") in values for name, values in self.clauses.items())


def listed(sources: Sequence[Source], wanted: Filter, aggregation: Aggregation, start: float, end: float) -> list[Json]:
    """The series after filter and aggregation, each with its points, newest first; none without points."""
    source = next((each for each in sources if wanted.metric in each.metrics), None)
    if source is None:
        raise ApiError("UNIMPLEMENTED", f"The sandbox does not measure '{wanted.metric}'.")
    metric = source.metrics[wanted.metric]
    _check(metric, aggregation, source.labels)
    groups: dict[tuple[str, ...], list[Series]] = {}
    for series in source.series(wanted.metric):
        if wanted.takes(series, source.resource):
            fields = _fields(series)
            key = tuple(fields.get(_plural(name), "") for name in aggregation.group_by)
            groups.setdefault(key, []).append(series)
    found = []
    for key, members in sorted(groups.items(), key=lambda item: item[0]):
        points = _points(metric, aggregation.period, members, start, end)
        if points:
            labels = dict(zip(map(_plural, aggregation.group_by), key, strict=True))
            found.append(_described(wanted.metric, metric, source.resource, labels, points))
    return found


def _check(metric: Metric, aggregation: Aggregation, known: Sequence[str]) -> None:
    if aggregation.aligner != "ALIGN_NONE" and not aggregation.period:
        raise ApiError("INVALID_ARGUMENT", "Field aggregation.alignmentPeriod is required with an aligner.")
    if aggregation.reducer != "REDUCE_NONE" and aggregation.aligner == "ALIGN_NONE":
        raise ApiError("INVALID_ARGUMENT", "A cross-series reducer needs a per-series aligner.")
    if (metric.kind, aggregation.aligner) in {("GAUGE", "ALIGN_DELTA"), ("DELTA", "ALIGN_NEXT_OLDER")}:
        raise ApiError("INVALID_ARGUMENT", f"{aggregation.aligner} cannot be used with a metric of kind {metric.kind}.")
    right = "ALIGN_DELTA" if metric.kind == "DELTA" else "ALIGN_NEXT_OLDER"
    if (aggregation.aligner, aggregation.reducer) != (right, "REDUCE_SUM"):
        raise ApiError("UNIMPLEMENTED", f"The sandbox aggregates {metric.kind} metrics by {right} and REDUCE_SUM only.")
    for name in map(_plural, aggregation.group_by):
        scope, _, label = name.rpartition(".labels.")
        if scope != "metric" and (scope != "resource" or label not in known):
            raise ApiError("INVALID_ARGUMENT", f"Field aggregation.groupByFields: no field '{name}'.")


def _points(metric: Metric, period: float, members: list[Series], start: float, end: float) -> list[Json]:
    """Periods end at the end of the interval; the oldest may begin before its start, as Google's does."""
    found = []
    for back in range(math.ceil((end - start) / period)):
        until = end - back * period
        values = [value for member in members if (value := member.read(until - period, until)) is not None]
        if values:
            begin = until if metric.kind == "GAUGE" else until - period
            interval = {"startTime": _text(begin), "endTime": _text(until)}
            found.append({"interval": interval, "value": _summed(values)})
    return found


def _summed(values: list[Value]) -> Json:
    numbers = [value for value in values if isinstance(value, int)]
    if numbers:
        return {"int64Value": str(sum(numbers))}
    return {
        "distributionValue": distribution([sample for value in values if isinstance(value, list) for sample in value])
    }


def distribution(population: list[float]) -> Json:
    mean = sum(population) / len(population)
    counts = [0] * (FINITE + 2)
    for value in population:
        counts[bisect_right(_BOUNDS, value)] += 1
    while not counts[-1]:
        counts.pop()
    return {
        "count": str(len(population)),
        "mean": mean,
        "sumOfSquaredDeviation": sum((value - mean) ** 2 for value in population),
        "bucketOptions": {"exponentialBuckets": {"numFiniteBuckets": FINITE, "growthFactor": GROWTH, "scale": SCALE}},
        "bucketCounts": [str(count) for count in counts],
    }


def _described(name: str, metric: Metric, resource: str, labels: Mapping[str, str], points: list[Json]) -> Json:
    def of(scope: str) -> dict[str, str]:
        return {key.removeprefix(scope): value for key, value in labels.items() if key.startswith(scope)}

    return {
        "metric": {"type": name, "labels": of("metric.labels.")},
        "resource": {"type": resource, "labels": of("resource.labels.")},
        "metricKind": metric.kind,
        "valueType": metric.value,
        **({"unit": metric.unit} if metric.unit else {}),
        "points": points,
    }


def _fields(series: Series) -> dict[str, str]:
    return {f"metric.labels.{key}": value for key, value in series.metric.items()} | {
        f"resource.labels.{key}": value for key, value in series.resource.items()
    }


def _plural(name: str) -> str:
    return re.sub(r"^(metric|resource)\.label\.", r"\1.labels.", name)


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
