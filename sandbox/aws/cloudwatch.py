"""CloudWatch's GetMetricData for this cloud's endpoints and functions. Points are there at once; AWS takes a minute."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.measures import statistic
from intermodal.sandbox.aws.records import Document

MAX_QUERIES, MAX_POINTS = 500, 100_800
EMULATED = {"MetricDataQueries", "StartTime", "EndTime", "ScanBy"}
TARGET = "GraniteServiceVersion20100801."
"""What ``X-Amz-Target`` begins with, in the protocol (of three) that boto3 speaks with CloudWatch."""


class Reading(Protocol):
    def samples(self, metric: str, first: str, second: str, start: float, end: float, /) -> Sequence[float]:
        """Every value between two moments (Unix seconds) of the resource with these two dimensions."""


class Source(Protocol):
    """What measures one service: its metrics (namespace and name → unit), and the dimensions of each, in order."""

    @property
    def units(self) -> Mapping[tuple[str, str], str]: ...

    @property
    def dimensions(self) -> tuple[str, ...]: ...

    def reading(self) -> Reading: ...


Readings = list[tuple[Source, Reading]]


class CloudWatch:
    """``handle`` one operation; raises AwsError."""

    def __init__(self, *sources: Source) -> None:
        self.sources = sources

    def handle(self, name: str, body: bytes) -> Document:
        parameters = contract.parse(body)
        contract.check(name, parameters, "cloudwatch")
        if name != "GetMetricData":
            raise not_emulated(f"CloudWatch's {name}")
        if unknown := set(parameters) - EMULATED:
            raise not_emulated(f"GetMetricData.{sorted(unknown)[0]}")
        return self.get_metric_data(parameters)

    def get_metric_data(self, parameters: Document) -> Document:
        queries, start, end = (
            parameters["MetricDataQueries"],
            float(parameters["StartTime"]),
            float(parameters["EndTime"]),
        )
        if len(queries) > MAX_QUERIES:
            raise _wrong(f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
        if len({query["Id"] for query in queries}) != len(queries):
            raise _wrong("The values for parameter id in MetricDataQueries must be unique.")
        if start >= end:
            raise _wrong("The parameter StartTime must be less than the parameter EndTime.")
        newest_first = parameters.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        readings = [(source, source.reading()) for source in self.sources]
        results = [_answer(readings, query, start, end, newest_first) for query in queries]
        if sum(len(result["Values"]) for result in results) > MAX_POINTS:
            raise not_emulated(f"an answer of more than {MAX_POINTS} points")
        return {"MetricDataResults": results, "Messages": []}


def _answer(readings: Readings, query: Document, start: float, end: float, newest_first: bool) -> Document:
    if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", query["Id"]):
        raise _wrong(f"The value {query['Id']} for parameter MetricDataQueries.member.Id is not matching the pattern.")
    if unknown := set(query) - {"Id", "MetricStat", "Label"}:
        raise not_emulated(f"MetricDataQuery.{sorted(unknown)[0]}")
    if "MetricStat" not in query:
        raise _wrong("Either MetricStat or Expression is required.")
    points = list(_points(readings, query["MetricStat"], start, end))
    if newest_first:
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label", query["MetricStat"]["Metric"]["MetricName"]),
        "Timestamps": [moment for moment, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _points(readings: Readings, stat: Document, start: float, end: float) -> Iterator[tuple[int, float]]:
    """Points of ``Period`` seconds from the start's whole minute on, oldest first; none where nothing happened."""
    metric, period = stat["Metric"], stat["Period"]
    if period % 60:
        raise _wrong("The parameter Period must be a multiple of 60.")
    namespace, name = metric.get("Namespace", ""), metric.get("MetricName", "")
    found = next((pair for pair in readings if (namespace, name) in pair[0].units), None)
    if found is None:
        raise not_emulated(f"the metric {namespace} {name}")
    source, reading = found
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    if set(dimensions) != set(source.dimensions):
        raise not_emulated(f"dimensions other than {' and '.join(sorted(source.dimensions))}")
    if stat.get("Unit", source.units[namespace, name]) != source.units[namespace, name]:
        return
    first, second = (dimensions[dimension] for dimension in source.dimensions)
    for begin in range(int(start // 60 * 60), math.ceil(end), period):
        if values := reading.samples(name, first, second, begin, begin + period):
            yield begin, statistic(stat["Stat"], values)


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
