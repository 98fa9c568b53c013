"""Requests to Azure ML, without sending them."""

from dataclasses import replace

import pytest

from intermodal.platform.errors import NotFound, Refused, SpecError, Throttled, Unavailable
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.azure.errors import from_response
from intermodal.resources.azure.targets.ml.address import BlobAddress, blob_address
from intermodal.resources.azure.targets.ml.documents import Documents, tags_of
from intermodal.sandbox.azure.contract import problems
from tests.targets import AZURE

REQUEST = DeployRequest(
    "flight_delay",
    "1.0.0",
    "production",
    "team:a",
    "r.azurecr.io/i@sha256:1",
    "https://acct.blob.core.windows.net/c/p/1",
)
WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


def documents(request: DeployRequest = REQUEST) -> Documents:
    return Documents(request, AZURE, WORKSPACE, "eastus", "Standard_DS3_v2")


def test_blob_address_is_parsed() -> None:
    named = blob_address("https://acct.blob.core.windows.net/models/flight_delay/1.0.0")
    assert named == BlobAddress("https", "core.windows.net", "acct", "models", "flight_delay/1.0.0")
    by_path = blob_address("http://127.0.0.1:4531/devstoreaccount1/intermodal-models/a%20b/1")
    assert by_path == BlobAddress("http", "127.0.0.1:4531", "devstoreaccount1", "intermodal-models", "a b/1")
    assert named.datastore != by_path.datastore
    assert by_path.datastore.replace("_", "").isalnum()


@pytest.mark.parametrize("uri", ["s3://b/p", "https://acct.blob.core.windows.net/c", "http://127.0.0.1:1/a", "x", ""])
def test_blob_address_of_another_kind_is_refused(uri: str) -> None:
    with pytest.raises(SpecError) as caught:
        blob_address(uri)
    assert "blob.core.windows.net" in caught.value.hint


def test_documents_fit_the_contract() -> None:
    found = documents()
    for model, document in (
        ("OnlineEndpoint", found.endpoint_body({found.deployment: 100}, found.tags)),
        ("OnlineDeployment", found.deployment_body()),
        ("Datastore", found.datastore_body()),
        ("ModelVersion", found.model_body()),
        ("EnvironmentVersion", found.environment_body()),
    ):
        assert problems(model, document.serialize()) == []


def test_deployment_name_fits_limits_and_follows_the_request() -> None:
    first, same = documents(), documents(replace(REQUEST))
    assert first.deployment == same.deployment
    assert 3 <= len(first.deployment) <= 32
    changes = (
        {"image": "another"},
        {"artifacts": REQUEST.artifacts + "2"},
        {"replicas": 2},
        {"predictions": "https://x"},
    )
    for change in changes:
        assert documents(replace(REQUEST, **change)).deployment != first.deployment  # type: ignore[arg-type]


def test_documents_model_is_a_path_and_settings_are_raised() -> None:
    found = documents()
    assert (
        found.model_body().properties.model_uri
        == f"azureml:/{WORKSPACE}/datastores/{found.address.datastore}/paths/p/1"
    )
    settings = found.deployment_body().serialize()["properties"]["requestSettings"]
    assert (settings["requestTimeout"], settings["maxConcurrentRequestsPerInstance"]) == ("PT1M", 64)


def test_tags_follow_azures_rules() -> None:
    assert tags_of({"a/b,c=d?": "x" * 300}) == {"a_b_c_d_": "x" * 256}
    assert tags_of(REQUEST.all_tags) == REQUEST.all_tags


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (403, "no", Refused),
        (404, "gone", NotFound),
        (429, "slow", Throttled),
        (503, "down", Unavailable),
        (None, "AADSTS7000215: Invalid client secret", Refused),
        (None, "HTTPSConnectionPool: Max retries exceeded", Unavailable),
        (None, "AADSTS90033: A transient error has occurred.", Unavailable),
        (None, "AADSTS90055: throttling", Throttled),
    ],
)
def test_from_response_has_the_class_of_the_status(status: int | None, reason: str, error: type[Exception]) -> None:
    found = from_response("do it", status, reason)
    assert type(found) is error
    assert found.hint
    assert reason in str(found)
