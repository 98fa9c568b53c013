"""Azure Monitor's metrics of the sandbox, seen by the official client."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, models
from azure.mgmt.monitor import MonitorManagementClient

from intermodal.resources.azure.identity import credential

pytestmark = pytest.mark.sandbox
WORKSPACE = (
    "subscriptions/00000000-0000-0000-0000-00000000a0a0/resourceGroups/intermodal"
    "/providers/Microsoft.MachineLearningServices/workspaces/intermodal"
)


@pytest.fixture(scope="module")
def monitor(variables: Mapping[str, str]) -> MonitorManagementClient:
    address = variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"]
    subscription = variables["INTERMODAL_AZURE_SUBSCRIPTION"]
    scopes = [f"{address}/.default"]
    return MonitorManagementClient(
        credential(), subscription, base_url=address, credential_scopes=scopes, retry_total=0
    )


@pytest.fixture(scope="module")
def endpoint(client: MachineLearningServicesMgmtClient) -> Iterator[str]:
    body = models.OnlineEndpoint(location="eastus", properties=models.OnlineEndpointProperties(auth_mode="Key"))
    client.online_endpoints.begin_create_or_update("intermodal", "intermodal", "measured", body).result()
    yield f"{WORKSPACE}/onlineEndpoints/measured"
    client.online_endpoints.begin_delete("intermodal", "intermodal", "measured").wait()


def query(**changed: Any) -> dict[str, Any]:
    now = time.time() // 60 * 60
    moments = (datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now - 180, now))
    return {"metricnames": "RequestsPerMinute", "aggregation": "Average", "timespan": "/".join(moments)} | changed


def test_endpoint_without_requests_has_minutes_without_values(monitor: MonitorManagementClient, endpoint: str) -> None:
    (metric,) = monitor.metrics.list(endpoint, **query()).value
    assert (metric.name.value, metric.unit) == ("RequestsPerMinute", "Count")
    assert [point.average for point in metric.timeseries[0].data] == [None, None, None]
    (split,) = monitor.metrics.list(endpoint, **query(filter="statusCode eq '*'")).value
    assert split.timeseries == []


@pytest.mark.parametrize(
    ("changed", "status", "about"),
    [
        ({"metricnames": "RequestsPerHour"}, 400, "RequestsPerHour"),
        ({"metricnames": ""}, 400, "0 metrics"),
        ({"metricnames": "CpuUtilizationPercentage"}, 400, "CpuUtilizationPercentage"),
        ({"aggregation": "Total"}, 501, "Average"),
        ({"aggregation": "Best"}, 400, "best"),
        ({"interval": "PT1H"}, 501, "PT1M"),
        ({"filter": "colour eq '*'"}, 400, "colour"),
        ({"filter": "statusCode eq '200'"}, 501, "statusCode eq '200'"),
        ({"metricnames": "RequestLatency_P95", "filter": "statusCode eq '*'"}, 400, "statusCode"),
        ({"timespan": "always"}, 400, "timespan"),
        ({"timespan": "2026-01-02T00:00:00Z/2026-01-01T00:00:00Z"}, 400, "timespan"),
        ({"metricnamespace": "another"}, 400, "another"),
        ({"rollupby": "deployment"}, 501, "rollupby"),
        ({"api_version": "2018-01-01"}, 501, "api-version"),
    ],
)
def test_query_that_azure_refuses_or_not_emulated_is_an_error(
    monitor: MonitorManagementClient, endpoint: str, changed: dict[str, Any], status: int, about: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        monitor.metrics.list(endpoint, **query(**changed))
    assert caught.value.status_code == status
    assert about in caught.value.message


def test_metrics_of_an_unknown_resource_are_not_found(monitor: MonitorManagementClient, endpoint: str) -> None:
    for resource in (f"{WORKSPACE}/onlineEndpoints/nobody", f"{endpoint}/deployments/nobody"):
        with pytest.raises(ResourceNotFoundError, match="nobody"):
            monitor.metrics.list(resource, **query())
