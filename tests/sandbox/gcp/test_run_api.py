"""The Cloud Run API of the sandbox as Google's document describes it, seen by the official client and by plain HTTP."""

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import BadRequest, FailedPrecondition, MethodNotImplemented, NotFound
from google.auth.transport.requests import Request
from google.cloud import run_v2

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.targets.cloud_run.services import service_for
from tests.conformance.endpoint_target import eventually
from tests.sandbox_fixture import Sandbox
from tests.targets import GCP

pytestmark = pytest.mark.sandbox
PARENT = "projects/intermodal-sandbox/locations/us-central1"


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        yield dict(sandbox.use("gcp", patch))


@pytest.fixture(scope="module")
def client(variables: dict[str, str]) -> run_v2.ServicesClient:
    options = {"api_endpoint": variables["INTERMODAL_GCP_RUN_ENDPOINT"]}
    return run_v2.ServicesClient(credentials=identity.credentials(), transport="rest", client_options=options)


@pytest.fixture(scope="module")
def api(variables: dict[str, str]) -> Iterator[httpx.Client]:
    found = identity.credentials()
    found.refresh(Request())
    headers = {"Authorization": f"Bearer {found.token}"}
    with httpx.Client(base_url=variables["INTERMODAL_GCP_RUN_ENDPOINT"], headers=headers) as plain:
        yield plain


@pytest.fixture(scope="module")
def service(variables: dict[str, str]) -> run_v2.Service:
    """A service that is right in form, with a model that is not there."""
    image = variables["INTERMODAL_GCP_IMAGE"]
    return service_for(DeployRequest("m", "1.0.0", "test", "team:x", image, "gs://intermodal-models/nowhere"), GCP)


@pytest.fixture
def body(service: run_v2.Service) -> dict[str, Any]:
    return dict(
        run_v2.Service.to_dict(service, preserving_proto_field_name=False, including_default_value_fields=False)
    )


def problem(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["status"], error["message"]


def create(api: httpx.Client, body: object, **query: str) -> httpx.Response:
    return api.post(f"/v2/{PARENT}/services", params={"serviceId": "wrong", **query}, json=body)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (["template", "containers", 0, "imagee"], "x", "imagee"),
        (["template", "containers", 0, "image"], 5, "template.containers.0.image"),
        (["template", "containers", 0, "startupProbe", "periodSeconds"], "often", "periodSeconds"),
        (["ingress"], "INGRESS_TRAFFIC_SOMETIMES", "ingress"),
        (["labels", "Team"], "x", "Label"),
        (["labels", "team"], "team:x", "Label"),
        (["template", "containers", 0, "volumeMounts", 0, "name"], "other", "names no volume"),
    ],
)
def test_wrong_body_is_refused_with_the_field(
    api: httpx.Client, body: dict[str, Any], path: list[Any], value: object, complaint: str
) -> None:
    wrong = copy.deepcopy(body)
    container = wrong
    for step in path[:-1]:
        container = container[step]
    container[path[-1]] = value
    code, status, message = problem(create(api, wrong))
    assert (code, status) == (400, "INVALID_ARGUMENT")
    assert complaint in message


def test_required_fields_and_broken_json(api: httpx.Client, body: dict[str, Any]) -> None:
    assert "'template' is a required property" in problem(create(api, {}))[2]
    del body["template"]["containers"][0]["image"]
    assert "'image' is a required property" in problem(create(api, body))[2]
    answer = api.post(f"/v2/{PARENT}/services?serviceId=wrong", content=b"{")
    assert problem(answer)[:2] == (400, "INVALID_ARGUMENT")


def test_methods_and_parameters_beyond_what_is_emulated(api: httpx.Client, body: dict[str, Any]) -> None:
    assert problem(api.get(f"/v2/{PARENT}/jobs"))[:2] == (501, "UNIMPLEMENTED")
    assert problem(api.get("/v2/nothing/like/this"))[:2] == (404, "NOT_FOUND")
    assert problem(create(api, body, validateOnly="true"))[:2] == (501, "UNIMPLEMENTED")
    split = {"traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 50}]}
    assert problem(create(api, body | split))[:2] == (501, "UNIMPLEMENTED")
    assert problem(create(api, body, dryRun="true"))[:2] == (400, "INVALID_ARGUMENT")
    assert problem(api.get("/v2/projects/other/locations/us-central1/services"))[:2] == (403, "PERMISSION_DENIED")


def test_request_without_an_access_token_is_refused(api: httpx.Client, variables: dict[str, str]) -> None:
    url = f"{variables['INTERMODAL_GCP_RUN_ENDPOINT']}/v2/{PARENT}/services"
    wrong = identity.id_token("https://run.googleapis.com/").token
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {wrong}"}):
        assert problem(httpx.get(url, headers=headers))[:2] == (401, "UNAUTHENTICATED")
    assert api.get(url).status_code == 200


def test_operation_ends_with_the_services_outcome(client: run_v2.ServicesClient, service: run_v2.Service) -> None:
    with pytest.raises((FailedPrecondition, BadRequest), match="nowhere"):
        client.create_service(parent=PARENT, service_id="doomed", service=service).result(timeout=20)
    found = client.get_service(name=f"{PARENT}/services/doomed")
    assert found.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    assert (found.generation, found.observed_generation, found.reconciling) == (1, 1, False)
    gone = client.delete_service(name=found.name).result(timeout=20)
    assert gone.name == found.name
    with pytest.raises(NotFound):
        client.get_service(name=found.name)


def test_output_only_fields_are_ignored_and_a_stale_etag_is_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    body |= {"uri": "https://evil.example", "terminalCondition": {"state": "CONDITION_SUCCEEDED"}}
    assert api.post(f"/v2/{PARENT}/services", params={"serviceId": "stale"}, json=body).status_code == 200
    name = f"/v2/{PARENT}/services/stale"
    try:
        assert api.get(name).json()["uri"].endswith("/run/stale")
        assert problem(api.patch(name, json=body | {"etag": '"old"'}))[:2] == (409, "ABORTED")
        assert problem(api.delete(name, params={"etag": '"old"'}))[:2] == (409, "ABORTED")
        assert problem(create(api, body, serviceId="stale"))[:2] == (409, "ALREADY_EXISTS")
    finally:
        assert api.delete(name).status_code == 200


def test_service_open_to_all_needs_no_token(
    client: run_v2.ServicesClient, service: run_v2.Service, variables: dict[str, str]
) -> None:
    client.create_service(parent=PARENT, service_id="open", service=service)
    name, url = f"{PARENT}/services/open", f"{variables['INTERMODAL_GCP_RUN_ENDPOINT']}/run/open/v2/health/ready"
    try:
        assert httpx.get(url).status_code == 403
        policy = {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]}
        client.set_iam_policy(request={"resource": name, "policy": policy})
        assert client.get_iam_policy(request={"resource": name}).bindings[0].members == ["allUsers"]
        eventually(lambda: httpx.get(url).status_code == 503)
    finally:
        client.delete_service(name=name)
    eventually(lambda: httpx.get(url).status_code == 404)


def test_client_method_that_is_not_emulated_raises_its_exception(client: run_v2.ServicesClient) -> None:
    with pytest.raises(MethodNotImplemented):
        client.test_iam_permissions(request={"resource": f"{PARENT}/services/x", "permissions": ["run.routes.invoke"]})


def test_token_endpoint_refuses_foreign_signatures(variables: dict[str, str]) -> None:
    url = f"{variables['INTERMODAL_GCP_RUN_ENDPOINT']}/token"
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert httpx.post(url, data={"grant_type": "password"}).json()["error"] == "unsupported_grant_type"
    assert httpx.post(url, data={"grant_type": grant, "assertion": "a.b.c"}).json()["error"] == "invalid_grant"
