"""CloudWatch: its windows and GetMetricData; the queries for SageMaker endpoints, and their results as Figures.

Metrics, units and statistics: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from intermodal.platform.errors import Refused, SpecError, Unavailable
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.aws.errors import translated
from intermodal.resources.aws.targets.sagemaker.plan import VARIANT

MINUTE = 60
MAX_QUERIES = 500
"""Queries in one call of GetMetricData."""
MAX_SPAN_SECONDS = 15 * 86_400
"""CloudWatch keeps points of one minute for 15 days."""
INVOCATIONS, INSTANCES = "AWS/SageMaker", "/aws/sagemaker/Endpoints"
Values = Mapping[str, Sequence[float]]
"""The values of each query by its Id, in no order; no entry where nothing happened."""


@dataclass(frozen=True)
class Window:
    """Whole minutes, in Unix seconds; ``seconds`` of them, at least one, had passed at the time of the query."""

    start: int
    end: int
    seconds: float


def window(now: float, seconds: float, late_seconds: float) -> Window:
    """As many whole minutes as cover ``seconds``; the last began at least ``late_seconds`` ago."""
    if not 0 < seconds <= MAX_SPAN_SECONDS:
        raise SpecError(
            f"CloudWatch has no figures of {seconds:.0f} s.", hint="Request more than 0 s and at most 15 days."
        )
    end = int((now - late_seconds) // MINUTE + 1) * MINUTE
    start = end - math.ceil(seconds / MINUTE) * MINUTE
    return Window(start, end, max(min(end, now) - start, 1.0))


def read(client: Any, queries: Sequence[dict[str, Any]], span: Window, platform: str) -> dict[str, list[float]]:
    """The values of each query by its Id, by as many calls as it takes. Refused, Throttled, Unavailable."""
    values: dict[str, list[float]] = {}
    for start in range(0, len(queries), MAX_QUERIES):
        for result in results(client, queries[start : start + MAX_QUERIES], span, platform):
            values.setdefault(result["Id"], []).extend(result["Values"])
    return values


def results(client: Any, queries: Sequence[dict[str, Any]], span: Window, platform: str) -> Iterator[dict[str, Any]]:
    """The results of every page of one call. ``platform`` is named in errors."""
    times = {"StartTime": moment(span.start), "EndTime": moment(span.end)}
    with translated(f"read {platform}'s metrics from CloudWatch"):
        pages = client.get_paginator("get_metric_data").paginate(MetricDataQueries=queries, **times)
        found = [result for page in pages for result in page["MetricDataResults"]]
    for result in found:
        match result.get("StatusCode", "Complete"):
            case "Forbidden":
                raise Refused(f"CloudWatch refuses {result['Label']}.", hint="Allow cloudwatch:GetMetricData.")
            case "InternalError":
                raise Unavailable(f"CloudWatch could not read {result['Label']}.", hint="Try again.")
    yield from found


@dataclass(frozen=True)
class MeasuredEndpoint:
    """One endpoint as SageMaker describes it; ``cores`` of one instance is None where its type does not define it."""

    name: str
    model: str
    version: str
    instances: int
    cores: int | None


def cores_of(instance_type: str) -> int | None:
    """vCPUs of ``ml.<family>.<size>``: 2 for ``large``, then 4 for each ``x`` (``ml.m5.4xlarge``: 16); else None.

    https://aws.amazon.com/sagemaker/ai/pricing/ lists them; types from generation 4 on follow the rule.
    """
    size = instance_type.rpartition(".")[2]
    if size == "large":
        return 2
    found = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(found[1] or 1) if found else None


def queries(endpoint: MeasuredEndpoint, index: int, span: Window) -> Iterator[dict[str, Any]]:
    """The MetricDataQueries of one endpoint; each Id begins with ``e<index>_``.

    Sums and means come minute by minute. Percentiles cannot be added, so one query covers the whole span.
    """
    whole = span.end - span.start
    for id, namespace, metric, stat, period in (
        ("requests", INVOCATIONS, "Invocations", "Sum", MINUTE),
        ("wrong", INVOCATIONS, "Invocation4XXErrors", "Sum", MINUTE),
        ("failed", INVOCATIONS, "Invocation5XXErrors", "Sum", MINUTE),
        ("unwell", INVOCATIONS, "InvocationModelErrors", "Sum", MINUTE),
        ("p50", INVOCATIONS, "ModelLatency", "p50", whole),
        ("p95", INVOCATIONS, "ModelLatency", "p95", whole),
        ("p99", INVOCATIONS, "ModelLatency", "p99", whole),
        ("cpu", INSTANCES, "CPUUtilization", "Average", MINUTE),
    ):
        dimensions = [{"Name": "EndpointName", "Value": endpoint.name}, {"Name": "VariantName", "Value": VARIANT}]
        selected = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
        yield {"Id": f"e{index}_{id}", "MetricStat": {"Metric": selected, "Period": period, "Stat": stat}}


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def figures(target: Target, endpoint: MeasuredEndpoint, index: int, span: Window, values: Values) -> Figures:
    """``error_rate`` counts requests with a 5xx status or without a response.

    A container that hangs or dies is counted in InvocationModelErrors, which includes 4xx, and not always in
    Invocation5XXErrors; the larger count is used. SageMaker publishes neither ``throttled`` nor ``cold_starts`` for
    such endpoints, and no percentiles of its own overhead: the latency is the container's.
    """

    def of(id: str) -> Sequence[float]:
        return values.get(f"e{index}_{id}", ())

    def milliseconds(id: str) -> float | None:
        # One point, or two when CloudWatch splits the span by its own clock: then the slower one counts.
        return max(of(id), default=0.0) / 1000 or None

    requests = sum(of("requests"))
    failed = max(sum(of("failed")), sum(of("unwell")) - sum(of("wrong")))
    busy = sum(of("cpu")) / len(of("cpu")) / 100 if of("cpu") else None
    return Figures(
        source="cloudwatch",
        model=endpoint.model,
        target=target,
        version=endpoint.version,
        requests=requests / span.seconds,
        error_rate=min(failed / requests, 1.0) if requests else 0.0,
        p50_ms=milliseconds("p50"),
        p95_ms=milliseconds("p95"),
        p99_ms=milliseconds("p99"),
        saturation=min(busy / endpoint.cores, 1.0) if busy is not None and endpoint.cores else None,
        instances=endpoint.instances,
    )
