"""Google's Cloud Monitoring client: time series of Cloud Run, aligned to one span, with Intermodal's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from intermodal.platform.errors import MissingExtra, Refused, Unavailable
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.errors import translated

CALL_SECONDS = 30
PAGE = 10_000
Json = dict[str, Any]


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
    _api: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            import httplib2  # type: ignore[import-untyped]
            from google_auth_httplib2 import AuthorizedHttp  # type: ignore[import-untyped]
            from googleapiclient.discovery import build
        except ImportError as error:
            raise MissingExtra("google-api-python-client", "gcp") from error
        http = AuthorizedHttp(identity.credentials(), http=httplib2.Http(timeout=CALL_SECONDS))
        options = {"api_endpoint": self.endpoint} if self.endpoint else {}
        self._api = build(
            "monitoring", "v3", http=http, static_discovery=True, cache_discovery=False, client_options=options
        )

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
        clauses = [f'metric.type="run.googleapis.com/{metric}"', 'resource.type="cloud_run_revision"']
        clauses.append(f'resource.labels.location="{self.region}"')
        if services:
            clauses.append(f"resource.labels.service_name=one_of({','.join(map(_quoted, services))})")
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
            page = self._retried(doing, call.execute)
            yield page
            call = calls.list_next(call, page)

    def _retried(self, doing: str, call: Callable[[], Json]) -> Json:
        from google.api_core import exceptions as google
        from google.api_core.retry import Retry, if_exception_type

        transient = if_exception_type(google.TooManyRequests, google.ServerError)
        retry = Retry(transient, initial=0.2, maximum=2, timeout=self.retry_seconds)
        with translated(doing):
            answer: Json = retry(_once)(doing, call)
        return answer


def _once(doing: str, call: Callable[[], Json]) -> Json:
    """One attempt. Its failure is one of google-api-core, as ``translated`` and ``Retry`` need it."""
    import httplib2
    from google.api_core import exceptions as google
    from googleapiclient.errors import HttpError

    try:
        return call()
    except HttpError as error:
        if error.status_code in (401, 403):
            raise Refused(
                f"Google Cloud refused to {doing}: {error.reason}",
                hint="Give this identity roles/monitoring.viewer in the project.",
            ) from error
        reason = error.reason or "no reason given"
        raise google.from_http_status(error.status_code, reason) from error  # type: ignore[no-untyped-call]
    except (OSError, httplib2.HttpLib2Error) as error:
        raise google.ServiceUnavailable(f"no answer ({error})") from error  # type: ignore[no-untyped-call]


def _quoted(text: str) -> str:
    return f'"{text}"'


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
