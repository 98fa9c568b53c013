"""The Vertex AI API of the sandbox as Google's document describes it, by plain HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.auth.transport.requests import Request

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.targets.vertex.documents import Wanted, wanted
from tests.conformance.endpoint_target import eventually
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
PARENT = "projects/intermodal-sandbox/locations/us-central1"
ENDPOINTS, MODELS = f"/v1/{PARENT}/endpoints", f"/v1/{PARENT}/models"


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        yield dict(sandbox.use("gcp", patch))


@pytest.fixture(scope="module")
def api(variables: dict[str, str]) -> Iterator[httpx.Client]:
    found = identity.credentials()
    found.refresh(Request())
    headers = {"Authorization": f"Bearer {found.token}"}
    with httpx.Client(base_url=variables["INTERMODAL_GCP_VERTEX_ENDPOINT"], headers=headers) as plain:
        yield plain


@pytest.fixture(scope="module")
def documents(variables: dict[str, str]) -> Wanted:
    """Right in form, with a model that is not there."""
    image = variables["INTERMODAL_GCP_IMAGE"]
    request = DeployRequest("m", "1.0.0", "test", "team:x", image, "gs://intermodal-models/nowhere")
    return wanted(request, Target("gcp", "vertex"), "")


@pytest.fixture
def endpoint(api: httpx.Client, documents: Wanted) -> Iterator[str]:
    """Its path."""
    api.post(ENDPOINTS, params={"endpointId": "own"}, json=documents.endpoint).raise_for_status()
    yield f"{ENDPOINTS}/own"
    api.delete(f"{ENDPOINTS}/own")


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["status"], error["message"]


def upload(api: httpx.Client, documents: Wanted, model: dict[str, Any]) -> httpx.Response:
    return api.post(f"{MODELS}:upload", json={"modelId": documents.model_id, "model": model})


def test_bodies_are_checked_by_the_document(api: httpx.Client, documents: Wanted) -> None:
    params = {"endpointId": "checked"}
    wrong = documents.endpoint | {"dedicated": True}
    assert "'dedicated' was unexpected" in problem(api.post(ENDPOINTS, params=params, json=wrong))[2]
    unnamed = {key: value for key, value in documents.endpoint.items() if key != "displayName"}
    assert "'displayName' is a required property" in problem(api.post(ENDPOINTS, params=params, json=unnamed))[2]
    assert problem(api.get(f"{ENDPOINTS}/checked"))[:2] == (404, "NOT_FOUND")


def test_methods_and_parameters_beyond_what_is_emulated(api: httpx.Client, endpoint: str) -> None:
    assert problem(api.get(f"/v1/{PARENT}/customJobs"))[:2] == (501, "UNIMPLEMENTED")
    assert problem(api.get("/v1/nothing/like/this"))[:2] == (404, "NOT_FOUND")
    assert problem(api.get(ENDPOINTS, params={"orderBy": "name"}))[:2] == (501, "UNIMPLEMENTED")
    assert problem(api.get(ENDPOINTS, params={"dryRun": "true"}))[:2] == (400, "INVALID_ARGUMENT")
    assert problem(api.get("/v1/projects/other/locations/us-central1/endpoints"))[:2] == (403, "PERMISSION_DENIED")
    assert problem(api.post(f"{endpoint}:predict", json={"instances": []}))[:2] == (501, "UNIMPLEMENTED")


def test_request_without_an_access_token_is_refused(api: httpx.Client) -> None:
    url = str(api.base_url.join(ENDPOINTS))
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert problem(httpx.get(url, headers=headers))[:2] == (401, "UNAUTHENTICATED")
    assert api.get(url).status_code == 200


@pytest.mark.parametrize("labels", [{"a": "Upper"}, {"a": "x" * 64}, {f"k{i}": "" for i in range(65)}])
def test_labels_beyond_googles_rules_are_refused(api: httpx.Client, documents: Wanted, labels: dict[str, str]) -> None:
    answer = api.post(ENDPOINTS, params={"endpointId": "labelled"}, json=documents.endpoint | {"labels": labels})
    assert problem(answer)[:2] == (400, "INVALID_ARGUMENT")


def test_upload_without_artifacts_ends_with_the_reason(api: httpx.Client, documents: Wanted) -> None:
    operation = upload(api, documents, documents.model).json()["name"]
    eventually(lambda: bool(api.get(f"/v1/{operation}").json()["done"]))
    error = api.get(f"/v1/{operation}").json()["error"]
    assert error["code"] == 9
    assert "nowhere" in error["message"]
    assert api.get(f"{MODELS}/{documents.model_id}").status_code == 404


def test_upload_reserved_variable_is_refused(api: httpx.Client, documents: Wanted) -> None:
    container = documents.model["containerSpec"] | {"env": [{"name": "AIP_HTTP_PORT", "value": "1"}]}
    answer = upload(api, documents, documents.model | {"containerSpec": container})
    assert "AIP_HTTP_PORT" in problem(answer)[2]


@pytest.mark.parametrize("split", [{"0": 50}, {"0": 50, "7": 50}])
def test_deploy_of_a_missing_model_or_a_wrong_split_is_refused(
    api: httpx.Client, documents: Wanted, endpoint: str, split: dict[str, int]
) -> None:
    body = documents.deployed(f"{PARENT}/models/nobodys")
    assert problem(api.post(f"{endpoint}:deployModel", json=body))[:2] == (404, "NOT_FOUND")
    answer = api.patch(
        endpoint, params={"updateMask": "trafficSplit"}, json={"displayName": "x", "trafficSplit": split}
    )
    assert problem(answer)[:2] == (400, "INVALID_ARGUMENT")


def test_create_twice_is_a_conflict(api: httpx.Client, documents: Wanted, endpoint: str) -> None:
    answer = api.post(ENDPOINTS, params={"endpointId": endpoint.rsplit("/", 1)[1]}, json=documents.endpoint)
    assert problem(answer)[:2] == (409, "ALREADY_EXISTS")
