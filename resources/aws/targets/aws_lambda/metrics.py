"""CloudWatch queries for Lambda functions, and their results as Figures. No call is made here.

Metrics, units and statistics: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.aws.cloudwatch import MINUTE, Values, Window
from intermodal.resources.aws.targets.aws_lambda.plan import ALIAS

NAMESPACE = "AWS/Lambda"
SERIES: Mapping[str, tuple[str, str]] = {
    "requests": ("Invocations", "Sum"),
    "failed": ("Errors", "Sum"),
    "throttled": ("Throttles", "Sum"),
    "p50": ("Duration", "p50"),
    "p95": ("Duration", "p95"),
    "p99": ("Duration", "p99"),
}
"""Id → metric and statistic."""


@dataclass(frozen=True)
class MeasuredFunction:
    name: str
    model: str
    version: str


def queries(function: MeasuredFunction, index: int, span: Window) -> Iterator[dict[str, Any]]:
    """The MetricDataQueries of one function's alias; each Id begins with ``e<index>_``.

    Sums come minute by minute. Percentiles cannot be added, so one query covers the whole span.
    """
    dimensions = [
        {"Name": "FunctionName", "Value": function.name},
        {"Name": "Resource", "Value": f"{function.name}:{ALIAS}"},
    ]
    for id, (metric, stat) in SERIES.items():
        period = MINUTE if stat == "Sum" else span.end - span.start
        selected = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions}
        yield {"Id": f"e{index}_{id}", "MetricStat": {"Metric": selected, "Period": period, "Stat": stat}}


def figures(target: Target, function: MeasuredFunction, index: int, span: Window, values: Values) -> Figures:
    """Requests are those that ran and those that were throttled, which Lambda counts apart.

    ``error_rate`` has the 5xx of the server, since the adapter makes them failed invocations. Lambda publishes neither
    the use of its processors nor its cold starts by alias; both need Lambda Insights, which costs extra.
    """

    def of(id: str) -> Sequence[float]:
        return values.get(f"e{index}_{id}", ())

    ran, throttled = sum(of("requests")), sum(of("throttled"))
    requests = ran + throttled
    return Figures(
        source="cloudwatch",
        model=function.model,
        target=target,
        version=function.version,
        requests=requests / span.seconds,
        error_rate=min(sum(of("failed")) / requests, 1.0) if requests else 0.0,
        throttled=throttled / requests if requests else 0.0,
        p50_ms=max(of("p50"), default=0.0) or None,
        p95_ms=max(of("p95"), default=0.0) or None,
        p99_ms=max(of("p99"), default=0.0) or None,
    )
