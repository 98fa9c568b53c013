"""CloudWatch's GetMetricData for this cloud's endpoints. A point can be read at once; AWS takes a minute or two."""

import math
import re
from collections.abc import Iterator

from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError, not_emulated
from intermodal.sandbox.aws.measures import UNITS, Measures, Reading, statistic
from intermodal.sandbox.aws.records import Document

MAX_QUERIES, MAX_POINTS = 500, 100_800
EMULATED = {"MetricDataQueries", "StartTime", "EndTime", "ScanBy"}
DIMENSIONS = {"EndpointName", "VariantName"}
TARGET = "GraniteServiceVersion20100801."
"""What ``X-Amz-Target`` begins with, in the protocol (of three) that boto3 speaks with CloudWatch."""


class CloudWatch:
    """``handle`` one operation; raises AwsError."""

    def __init__(self, measures: Measures) -> None:
        self.measures = measures

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
        reading = Reading(self.measures)
        results = [_answer(reading, query, start, end, newest_first) for query in queries]
        if sum(len(result["Values"]) for result in results) > MAX_POINTS:
            raise not_emulated(f"an answer of more than {MAX_POINTS} points")
        return {"MetricDataResults": results, "Messages": []}


def _answer(reading: Reading, query: Document, start: float, end: float, newest_first: bool) -> Document:
    if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", query["Id"]):
        raise _wrong(f"The value {query['Id']} for parameter MetricDataQueries.member.Id is not matching the pattern.")
    if unknown := set(query) - {"Id", "MetricStat", "Label"}:
        raise not_emulated(f"MetricDataQuery.{sorted(unknown)[0]}")
    if "MetricStat" not in query:
        raise _wrong("Either MetricStat or Expression is required.")
    points = list(_points(reading, query["MetricStat"], start, end))
    if newest_first:
        points.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label", query["MetricStat"]["Metric"]["MetricName"]),
        "Timestamps": [moment for moment, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _points(reading: Reading, stat: Document, start: float, end: float) -> Iterator[tuple[int, float]]:
    """Points of ``Period`` seconds from the start's whole minute on, oldest first; none where nothing happened."""
    metric, period = stat["Metric"], stat["Period"]
    if period % 60:
        raise _wrong("The parameter Period must be a multiple of 60.")
    namespace, name = metric.get("Namespace", ""), metric.get("MetricName", "")
    if (namespace, name) not in UNITS:
        raise not_emulated(f"the metric {namespace} {name}")
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])}
    if set(dimensions) != DIMENSIONS:
        raise not_emulated(f"dimensions other than {' and '.join(sorted(DIMENSIONS))}")
    if stat.get("Unit", UNITS[namespace, name]) != UNITS[namespace, name]:
        return
    variant = dimensions["EndpointName"], dimensions["VariantName"]
    for begin in range(int(start // 60 * 60), math.ceil(end), period):
        if values := reading.samples(name, *variant, begin, begin + period):
            yield begin, statistic(stat["Stat"], values)


def _wrong(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
