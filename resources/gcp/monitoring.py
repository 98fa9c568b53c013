"""Google's Cloud Monitoring client: time series of one resource type, aligned to one span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from intermodal.platform.errors import Unavailable
from intermodal.resources.gcp.api import Json, build, retried

PAGE = 10_000
ROLE = "roles/monitoring.viewer"


@dataclass(frozen=True)
class Measured:
    """What a serving platform measures: the ``prefix`` of its metrics, its resource type, and the label in which a
    resource has its endpoint's name."""

    prefix: str
    resource: str
    label: str


@dataclass
class Monitoring:
    """The time series of one project and region. ``endpoint`` is empty for Google's own address.

    REST through google-api-python-client; monitoring_v3 speaks gRPC only. Throttled and failing calls are retried
    for ``retry_seconds``. Made anew for each read, so that forks and threads share nothing.
    """

    project: str
    region: str
    endpoint: str
    retry_seconds: float
    measured: Measured
    _api: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._api = build("monitoring", "v3", self.endpoint)

    def series(
        self,
        metric: str,
        start: float,
        end: float,
        *,
        aligner: str,
        group_by: Sequence[str],
        period: float | None = None,
        services: Sequence[str] = (),
    ) -> list[Json]:
        """Sums over each group of series, one point for each ``period`` (the whole span when None), newest first.

        ``start`` and ``end`` are Unix seconds. Source: https://cloud.google.com/monitoring/api/v3/aggregation
        """
        clauses = [f'metric.type="{self.measured.prefix}/{metric}"', f'resource.type="{self.measured.resource}"']
        clauses.append(f'resource.labels.location="{self.region}"')
        if services:
            clauses.append(f"resource.labels.{self.measured.label}=one_of({','.join(map(_quoted, services))})")
        request: Json = {
            "name": f"projects/{self.project}",
            "filter": " AND ".join(clauses),
            "interval_startTime": _moment(start),
            "interval_endTime": _moment(end),
            "aggregation_alignmentPeriod": f"{period or end - start:.0f}s",
            "aggregation_perSeriesAligner": aligner,
            "aggregation_crossSeriesReducer": "REDUCE_SUM",
            "aggregation_groupByFields": list(group_by),
            "view": "FULL",
            "pageSize": PAGE,
        }
        found: list[Json] = []
        for page in self._pages(f"read {metric} in Cloud Monitoring", request):
            if missing := page.get("executionErrors") or page.get("unreachable"):
                raise Unavailable(f"Cloud Monitoring could not read all of {metric}: {missing}", hint="Try again.")
            found += page.get("timeSeries", [])
        return found

    def _pages(self, doing: str, request: Json) -> Iterator[Json]:
        calls = self._api.projects().timeSeries()
        call = calls.list(**request)
        while call is not None:
            page = retried(doing, call.execute, self.retry_seconds, ROLE)
            yield page
            call = calls.list_next(call, page)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
