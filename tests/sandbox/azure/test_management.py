"""The management API, called by Microsoft's own client with raw bodies."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient

from intermodal.sandbox.azure.arm import ROOT
from intermodal.sandbox.azure.identity import GROUP, WORKSPACE

pytestmark = pytest.mark.sandbox
HERE = (GROUP, WORKSPACE)
Client = MachineLearningServicesMgmtClient


def body(document: Any) -> io.BytesIO:
    return io.BytesIO(json.dumps(document).encode())


def endpoint(tags: dict[str, str] | None = None, **properties: object) -> dict[str, Any]:
    return {"location": "eastus", "tags": tags or {}, "properties": {"authMode": "Key", **properties}}


def refused(call: Callable[[], Any], status: int, words: str) -> None:
    with pytest.raises(HttpResponseError, match=words) as caught:
        call()
    assert caught.value.status_code == status


@pytest.fixture
def made(client: Client) -> Iterator[str]:
    client.online_endpoints.begin_create_or_update(*HERE, "empty", body(endpoint())).result(20)
    yield "empty"
    client.online_endpoints.begin_delete(*HERE, "empty").result(20)


def test_endpoint_is_created_listed_and_deleted(client: Client) -> None:
    made = client.online_endpoints.begin_create_or_update(*HERE, "brief", body(endpoint())).result(20)
    assert made.properties.provisioning_state == "Succeeded"
    assert made.properties.scoring_uri.endswith("/online-endpoints/brief/score")
    keys = client.online_endpoints.list_keys(*HERE, "brief")
    assert len({keys.primary_key, keys.secondary_key}) == 2
    client.online_endpoints.begin_regenerate_keys(*HERE, "brief", body({"keyType": "Primary"})).result(20)
    assert client.online_endpoints.list_keys(*HERE, "brief").primary_key != keys.primary_key
    client.online_endpoints.begin_delete(*HERE, "brief").result(20)
    client.online_endpoints.begin_delete(*HERE, "brief").result(20)
    with pytest.raises(ResourceNotFoundError):
        client.online_endpoints.get(*HERE, "brief")


@pytest.mark.parametrize(
    ("name", "document", "status", "words"),
    [
        ("wrong", endpoint(trafic={}), 400, "trafic is not a field"),
        ("wrong", endpoint(traffic={"blue": 101}), 400, "add up"),
        ("wrong", endpoint(traffic={"blue": 100}), 400, "'blue', which does not exist"),
        ("wrong", {**endpoint(), "location": "westus"}, 400, "eastus"),
        ("wrong", endpoint(authMode="AMLToken"), 501, "authMode Key"),
        ("x" * 33, endpoint(), 400, "3 to 32"),
        ("-wrong", endpoint(), 400, "3 to 32"),
    ],
)
def test_wrong_endpoint_is_refused(client: Client, name: str, document: Any, status: int, words: str) -> None:
    refused(
        lambda: client.online_endpoints.begin_create_or_update(*HERE, name, body(document), polling=False),
        status,
        words,
    )


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": None}, 400, "model 'None' does not exist"),
        ({"model": f"{ROOT}/models/none/versions/1"}, 400, "does not exist"),
        ({"instanceType": None}, 400, "instanceType"),
        ({"requestSettings": {"requestTimeout": "PT181S"}}, 400, "at most 180"),
        ({"endpointComputeType": "Kubernetes"}, 501, "Managed"),
        ({"codeConfiguration": {"scoringScript": "score.py"}}, 501, "codeConfiguration"),
        ({"instanceTypes": "x"}, 400, "not a field"),
    ],
)
def test_wrong_deployment_is_refused(client: Client, made: str, change: Any, status: int, words: str) -> None:
    properties = {"endpointComputeType": "Managed", "instanceType": "Standard_DS3_v2", **change}
    document = {"location": "eastus", "sku": {"name": "Default", "capacity": 1}, "properties": properties}
    refused(
        lambda: client.online_deployments.begin_create_or_update(*HERE, made, "blue", body(document), polling=False),
        status,
        words,
    )


def test_deployment_without_its_endpoint_is_refused(client: Client) -> None:
    document = {"location": "eastus", "properties": {"endpointComputeType": "Managed"}}
    with pytest.raises(ResourceNotFoundError, match="nowhere"):
        client.online_deployments.begin_create_or_update(*HERE, "nowhere", "blue", body(document), polling=False)


def test_lists_are_filtered_by_tags_and_come_in_pages(client: Client) -> None:
    names = [f"page-{number}" for number in range(5)]
    for number, name in enumerate(names):
        document = endpoint({"page": "yes", "odd": str(number % 2)})
        client.online_endpoints.begin_create_or_update(*HERE, name, body(document), polling=False)
    found = client.online_endpoints.list(*HERE, count=2, tags="page=yes")
    assert [[endpoint.name for endpoint in page] for page in found.by_page()] == [names[:2], names[2:4], names[4:]]
    assert [endpoint.name for endpoint in client.online_endpoints.list(*HERE, tags="page,odd=1")] == [
        "page-1",
        "page-3",
    ]
    for name in names:
        client.online_endpoints.begin_delete(*HERE, name, polling=False)


def test_registered_version_is_immutable(client: Client) -> None:
    version = {"properties": {"modelType": "custom_model", "modelUri": "azureml://one"}}
    client.model_versions.create_or_update(*HERE, "fixed", "1", body(version))
    client.model_versions.create_or_update(*HERE, "fixed", "1", body(version))
    version["properties"]["modelUri"] = "azureml://another"
    refused(lambda: client.model_versions.create_or_update(*HERE, "fixed", "1", body(version)), 409, "new version")
    client.model_containers.delete(*HERE, "fixed")
    with pytest.raises(ResourceNotFoundError):
        client.model_versions.get(*HERE, "fixed", "1")


def test_path_not_emulated_is_named_and_others_are_not_found(client: Client) -> None:
    refused(lambda: list(client.batch_endpoints.list(*HERE)), 501, "batchEndpoints")
    refused(lambda: list(client.online_endpoints.list(GROUP, "another")), 404, "another")
