"""``Microsoft.Insights/metrics`` of online endpoints and deployments: minutes, averages, split by dimensions.

Source: https://learn.microsoft.com/rest/api/monitor/metrics/list. Anything else gets 501; every answer is
checked against the models of azure-mgmt-monitor before it leaves.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from azure.mgmt.monitor import models

from intermodal.sandbox.azure.arm import ROOT, ArmError, not_found
from intermodal.sandbox.azure.contract import problems
from intermodal.sandbox.azure.identity import REGION
from intermodal.sandbox.azure.measures import DEPLOYMENT, ENDPOINT, MINUTE, Measures, Metric, Series
from intermodal.sandbox.front import Context

Json = dict[str, Any]
API_VERSION = "2024-02-01"
KNOWN = {"api-version", "timespan", "interval", "metricnames", "aggregation", "top", "$filter", "metricnamespace"}
REST = {"orderby", "resultType", "AutoAdjustTimegrain", "ValidateDimensions", "rollupby"}
AGGREGATIONS = {"average", "minimum", "maximum", "total", "count", "none"}
MOST_METRICS, MOST_SERIES = 20, 10
NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
_TERM = re.compile(r"(\w+)\s+eq\s+'\*'")


class Insights:
    def __init__(self, context: Context, measures: Measures) -> None:
        self._measures = measures
        self._endpoints, self._deployments = context.state.table("endpoints"), context.state.table("deployments")

    def routes(self) -> list[tuple[str, str, Any]]:
        end = "/providers/{provider:(?i:microsoft.insights)}/metrics"
        return [
            ("GET", "/onlineEndpoints/{endpoint}" + end, self._of_endpoint),
            ("GET", "/onlineEndpoints/{endpoint}/deployments/{deployment}" + end, self._of_deployment),
        ]

    async def _of_endpoint(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        if name not in self._endpoints:
            raise not_found(f"{ROOT}/onlineEndpoints/{name}")
        return answer(request, NAMESPACE, ENDPOINT, lambda metric, by: self._measures.of_endpoint(name, metric, by))

    async def _of_deployment(self, request: web.Request) -> web.Response:
        key = f"{request.match_info['endpoint']}/{request.match_info['deployment']}"
        if key not in self._deployments:
            raise not_found(request.path.partition("/providers/Microsoft.Insights")[0])
        kind = f"{NAMESPACE}/deployments"
        return answer(request, kind, DEPLOYMENT, lambda _, by: self._measures.of_deployment(key, by))


def answer(request: web.Request, kind: str, known: Mapping[str, Metric], read: Any) -> web.Response:
    """The metrics of a resource of this kind. ``read`` takes a metric and dimensions, and gives its series."""
    query = request.query
    aggregation = _check(query, kind, known)
    names = [name for name in query.get("metricnames", "").split(",") if name]
    if not names or len(names) > MOST_METRICS or (unknown := [name for name in names if name not in known]):
        what = ", ".join(unknown) if names and len(names) <= MOST_METRICS else f"{len(names)} metrics"
        raise ArmError(400, "BadRequest", f"Failed to find metric configuration: {what}. Emulated: {', '.join(known)}.")
    split_by = _split(query.get("$filter", ""))
    for name in names:
        if wrong := [dimension for dimension in split_by if dimension not in known[name].dimensions]:
            raise ArmError(400, "BadRequest", f"Dimension {', '.join(wrong)} is not valid for metric {name}.")
    first, last = _timespan(query.get("timespan", ""))
    minutes = [first + MINUTE * index for index in range(math.ceil((last - first) / MINUTE))]
    top = int(query.get("top", MOST_SERIES))
    resource = re.split("/providers/microsoft.insights", request.path, flags=re.IGNORECASE)[0]
    values = [_metric(resource, name, known[name], read(name, split_by)[:top], minutes, aggregation) for name in names]
    body = {"cost": 0, "timespan": f"{_text(first)}/{_text(last)}", "interval": "PT1M", "value": values}
    body |= {"namespace": kind, "resourceregion": REGION}
    if wrong := problems("Response", body, package=models):
        raise AssertionError(f"the sandbox answers what Azure would not: {wrong}")
    return web.json_response(body)


def _check(query: Mapping[str, str], kind: str, known: Mapping[str, Metric]) -> str:
    """The one aggregation: that in which the metrics are emulated."""
    if query["api-version"] != API_VERSION:
        raise ArmError(501, "NotImplemented", f"The sandbox emulates api-version {API_VERSION} of metrics.")
    for name in query:
        if name not in KNOWN | REST:
            raise ArmError(400, "BadRequest", f"'{name}' is not a parameter of metrics.")
        if name in REST:
            raise ArmError(501, "NotImplemented", f"The sandbox does not emulate metrics with '{name}'.")
    if query.get("metricnamespace", kind).lower() != kind.lower():
        raise ArmError(400, "BadRequest", f"The resource has no metric namespace '{query['metricnamespace']}'.")
    if query.get("interval", "PT1M") != "PT1M":
        raise ArmError(501, "NotImplemented", "The sandbox emulates interval PT1M.")
    aggregations = {text.strip().lower() for text in query.get("aggregation", "Average").split(",")}
    if aggregations - AGGREGATIONS:
        raise ArmError(400, "BadRequest", f"Unknown aggregation {', '.join(sorted(aggregations - AGGREGATIONS))}.")
    wanted = {known[name].aggregation for name in query.get("metricnames", "").split(",") if name in known}
    if len(aggregations) != 1 or (wanted and aggregations != wanted):
        emulated = ", ".join(sorted(wanted or {"average"})).title()
        raise ArmError(501, "NotImplemented", f"The sandbox emulates aggregation {emulated}.")
    if not query.get("top", "1").isdecimal():
        raise ArmError(400, "BadRequest", "top must be a number.")
    return aggregations.pop()


def _split(text: str) -> tuple[str, ...]:
    """The dimensions of ``a eq '*' and b eq '*'``."""
    found = [(term, _TERM.fullmatch(term.strip())) for term in re.split(r"\s+and\s+", text) if term.strip()]
    if other := [term for term, match in found if match is None]:
        raise ArmError(501, "NotImplemented", f"The sandbox emulates filters of <dimension> eq '*', not {other[0]}.")
    return tuple(match[1] for _, match in found if match is not None)


def _timespan(text: str) -> tuple[float, float]:
    """From the minute in which it begins; Unix seconds."""
    try:
        begin, end = (datetime.fromisoformat(part) for part in text.split("/"))
        first, last = begin.timestamp() // MINUTE * MINUTE, end.timestamp()
    except ValueError as error:
        raise ArmError(400, "BadRequest", f"timespan '{text}' must be <start>/<end> in ISO 8601.") from error
    if begin.tzinfo is None or end.tzinfo is None or first >= last:
        raise ArmError(400, "BadRequest", f"timespan '{text}' must have zones and end after its start.")
    return first, last


def _metric(
    resource: str, name: str, metric: Metric, series: list[Series], minutes: list[float], aggregation: str
) -> Json:
    return {
        "id": f"{resource}/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "unit": metric.unit,
        "errorCode": "Success",
        "timeseries": [
            {
                "metadatavalues": [
                    {"name": {"value": label.lower(), "localizedValue": label.lower()}, "value": value}
                    for label, value in group.labels.items()
                ],
                "data": [_point(minute, group.read(minute), aggregation) for minute in minutes],
            }
            for group in series
        ],
    }


def _point(minute: float, value: float | None, aggregation: str) -> Json:
    return {"timeStamp": _text(minute)} | ({} if value is None else {aggregation: value})


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
