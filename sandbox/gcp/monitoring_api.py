"""Cloud Monitoring API v3, as much of it as reads the serving platforms' time series; the rest answers 501.

Requests are routed and checked by Google's discovery document, so is every answer before it leaves.
"""

import re
from datetime import datetime
from typing import Any

from aiohttp import web

from intermodal.sandbox.gcp.checked import HARMLESS_QUERY
from intermodal.sandbox.gcp.discovery import Document, Method
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import PROJECT
from intermodal.sandbox.gcp.measured import Source
from intermodal.sandbox.gcp.time_series import Aggregation, Filter, listed
from intermodal.sandbox.gcp.tokens import Tokens

Json = dict[str, Any]
LIST = "monitoring.projects.timeSeries.list"
EMULATED = {
    *("filter", "interval.startTime", "interval.endTime", "view", "pageSize", "pageToken"),
    *("aggregation.alignmentPeriod", "aggregation.perSeriesAligner"),
    *("aggregation.crossSeriesReducer", "aggregation.groupByFields"),
}
MOST_POINTS = 100_000
SHORTEST = 60


class MonitoringApi:
    def __init__(self, tokens: Tokens, *sources: Source) -> None:
        self._tokens, self._sources, self._document = tokens, sources, Document("monitoring.v3")

    async def handle(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(self._answer(request))
        except ApiError as error:
            return error.answer()

    def _answer(self, request: web.Request) -> Json:
        self._tokens.require_access(request, "monitoring.googleapis.com")
        found = self._document.route(request.method, request.path)
        if found is None:
            raise ApiError("NOT_FOUND", f"monitoring.v3 has no method {request.method} {request.path}.")
        method, names = found
        self._check_query(request, method)
        if method.id != LIST:
            raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate {method.id}.")
        if names["name"] != f"projects/{PROJECT}":
            raise ApiError("PERMISSION_DENIED", f"The sandbox has one project, {PROJECT}; denied on {names['name']}.")
        answer = self._list(request.query)
        if wrong := self._document.problems("ListTimeSeriesResponse", answer):
            raise AssertionError(f"the sandbox answers what Google would not: {wrong}")
        return answer

    def _check_query(self, request: web.Request, method: Method) -> None:
        emulated = EMULATED if method.id == LIST else method.query
        for name, value in request.query.items():
            if name not in method.query | self._document.common_query | HARMLESS_QUERY:
                raise ApiError("INVALID_ARGUMENT", f'Unknown name "{name}": Cannot bind query parameter.')
            if name in method.choices and value not in method.choices[name]:
                raise ApiError("INVALID_ARGUMENT", f"Invalid value at '{name}': \"{value}\".")
            if name not in emulated | HARMLESS_QUERY:
                raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate {method.id} with '{name}'.")

    def _list(self, query: Any) -> Json:
        start, end = _moment(query, "interval.startTime"), _moment(query, "interval.endTime")
        if start >= end:
            raise ApiError("INVALID_ARGUMENT", "Field interval.startTime must be before interval.endTime.")
        if "view" not in query or query["view"] != "FULL":
            raise ApiError("UNIMPLEMENTED", "The sandbox emulates view=FULL.")
        aggregation = Aggregation(
            _seconds(query.get("aggregation.alignmentPeriod", "")),
            query.get("aggregation.perSeriesAligner", "ALIGN_NONE"),
            query.get("aggregation.crossSeriesReducer", "REDUCE_NONE"),
            tuple(query.getall("aggregation.groupByFields", [])),
        )
        series = listed(self._sources, Filter.read(query.get("filter", "")), aggregation, start, end)
        return _page(series, query)


def _page(series: list[Json], query: Any) -> Json:
    """``pageSize`` counts points; the sandbox never divides a series."""
    try:
        size, begin = int(query.get("pageSize") or MOST_POINTS), int(query.get("pageToken") or 0)
    except ValueError as error:
        raise ApiError("INVALID_ARGUMENT", f"pageSize and pageToken: {error}") from error
    page: list[Json] = []
    for group in series[begin:]:
        if page and sum(len(taken["points"]) for taken in page) + len(group["points"]) > size:
            return {"timeSeries": page, "nextPageToken": str(begin + len(page))}
        page.append(group)
    return {"timeSeries": page} if page else {}


def _moment(query: Any, name: str) -> float:
    text = query.get(name, "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError("INVALID_ARGUMENT", f'Field {name} had an invalid value of "{text}".') from error
    if moment.tzinfo is None:
        raise ApiError("INVALID_ARGUMENT", f'Field {name} must be RFC 3339 with a zone: "{text}".')
    return moment.timestamp()


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    if not re.fullmatch(r"\d+(\.\d+)?s", text):
        raise ApiError("INVALID_ARGUMENT", f"Invalid value at 'aggregation.alignment_period': \"{text}\".")
    if float(text[:-1]) < SHORTEST:
        raise ApiError("INVALID_ARGUMENT", "Field aggregation.alignmentPeriod must be at least 60 seconds.")
    return float(text[:-1])
