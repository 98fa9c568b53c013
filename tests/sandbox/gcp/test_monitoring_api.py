"""Cloud Monitoring of the sandbox as Google's document describes it, by plain HTTP."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from google.auth.transport.requests import Request

from intermodal.resources.gcp import identity
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
PATH = "/v3/projects/intermodal-sandbox/timeSeries"
COUNT = 'metric.type="run.googleapis.com/request_count"'
INSTANCES = 'metric.type="run.googleapis.com/container/instance_count"'


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch:
        variables = sandbox.use("gcp", patch)
        found = identity.credentials()
        found.refresh(Request())
        headers = {"Authorization": f"Bearer {found.token}"}
        with httpx.Client(base_url=variables["INTERMODAL_GCP_MONITORING_ENDPOINT"], headers=headers) as plain:
            yield plain


def query(**changed: Any) -> dict[str, Any]:
    now = time.time()
    defaults = {
        "filter": COUNT,
        "interval.startTime": datetime.fromtimestamp(now - 300, UTC).isoformat(),
        "interval.endTime": datetime.fromtimestamp(now, UTC).isoformat(),
        "aggregation.alignmentPeriod": "300s",
        "aggregation.perSeriesAligner": "ALIGN_DELTA",
        "aggregation.crossSeriesReducer": "REDUCE_SUM",
        "aggregation.groupByFields": ["resource.label.service_name"],
        "view": "FULL",
    }
    given = {name.replace("__", "."): value for name, value in changed.items()}
    return {name: value for name, value in (defaults | given).items() if value is not None}


def test_query_without_measurements_is_empty(api: httpx.Client) -> None:
    answer = api.get(PATH, params=query(filter=f'{COUNT} AND resource.labels.service_name="nobody"'))
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("changed", "status", "about"),
    [
        ({"filter": ""}, 501, "filters"),
        ({"filter": 'resource.type="cloud_run_revision"'}, 400, "metric.type"),
        ({"filter": 'metric.type="run.googleapis.com/container/gpu/utilizations"'}, 501, "does not measure"),
        ({"filter": f"{COUNT} OR {INSTANCES}"}, 501, "filters"),
        ({"aggregation__alignmentPeriod": "30s"}, 400, "60 seconds"),
        ({"aggregation__alignmentPeriod": "five"}, 400, "alignment_period"),
        ({"aggregation__alignmentPeriod": None}, 400, "alignmentPeriod"),
        ({"aggregation__perSeriesAligner": "ALIGN_NEXT_OLDER"}, 400, "DELTA"),
        ({"aggregation__perSeriesAligner": "ALIGN_RATE"}, 501, "aggregates"),
        ({"aggregation__perSeriesAligner": "ALIGN_SOMEHOW"}, 400, "ALIGN_SOMEHOW"),
        ({"aggregation__perSeriesAligner": None}, 400, "aligner"),
        ({"aggregation__crossSeriesReducer": "REDUCE_MAX"}, 501, "aggregates"),
        ({"aggregation__groupByFields": ["colour"]}, 400, "colour"),
        ({"filter": INSTANCES}, 400, "GAUGE"),
        ({"interval__endTime": "yesterday"}, 400, "endTime"),
        ({"interval__endTime": "2020-01-01T00:00:00Z"}, 400, "before"),
        ({"view": "HEADERS"}, 501, "FULL"),
        ({"orderBy": "x"}, 501, "orderBy"),
        ({"shape": "round"}, 400, "shape"),
        ({"pageSize": "many"}, 400, "pageSize"),
    ],
)
def test_query_that_google_refuses_or_not_emulated_is_an_error(
    api: httpx.Client, changed: dict[str, Any], status: int, about: str
) -> None:
    answer = api.get(PATH, params=query(**changed))
    assert answer.status_code == status, answer.text
    assert about in answer.json()["error"]["message"]


def test_other_methods_and_projects_and_callers(api: httpx.Client) -> None:
    assert api.get("/v3/projects/intermodal-sandbox/metricDescriptors").status_code == 501
    assert api.get("/v3/projects/intermodal-sandbox/nothing").status_code == 404
    assert api.get("/v3/projects/another/timeSeries", params=query()).status_code == 403
    assert api.get(PATH, params=query(), headers={"Authorization": "Bearer x"}).status_code == 401
