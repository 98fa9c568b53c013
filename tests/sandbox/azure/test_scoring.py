"""The data plane: keys, traffic, and nothing of the container but its scoring route."""

import ssl
from collections import Counter
from collections.abc import Iterator, Mapping

import httpx
import pytest
from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient, models

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden
from intermodal.resources.azure.targets.ml.target import AzureMlTarget
from intermodal.sandbox.azure.identity import GROUP, WORKSPACE
from intermodal.sandbox.azure.scoring import DEPLOYMENT, MODEL_STATUS
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.resources.azure.support import make, upload
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
NAME = "flight-delay-1-0-0-scoring"


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory, variables: Mapping[str, str]) -> Iterator[bytes]:
    """A body for the deployed endpoint, which is deleted in the end."""
    package = tiny_package.build(tmp_path_factory.mktemp("package"))
    target = make(variables)
    uri = upload(variables, package, "flight_delay/scoring")
    image = variables["INTERMODAL_AZURE_IMAGE"]
    target.deploy(DeployRequest("flight_delay", "1.0.0", "scoring", "team:a", image, uri))
    yield v2.request_body(tiny_package.SIGNATURE, Golden.read(package).rows)
    target.delete(NAME)


@pytest.fixture(scope="module")
def http(variables: Mapping[str, str], body: bytes) -> Iterator[httpx.Client]:  # noqa: ARG001 (it deploys)
    context = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    key = make(variables).upstream(_endpoint(make(variables))).credential.token  # type: ignore[union-attr]
    base = f"{variables['INTERMODAL_AZURE_MANAGEMENT_ENDPOINT']}/online-endpoints/{NAME}"
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=base, headers=headers, verify=context, trust_env=False) as client:
        yield client


def _endpoint(target: AzureMlTarget):  # type: ignore[no-untyped-def]
    found = target.describe(NAME)
    assert found is not None
    return found


def test_scoring_needs_a_key_of_the_endpoint(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/score", content=body)
    assert answer.status_code == 200
    assert answer.headers[DEPLOYMENT].startswith("v-")
    for header in ("", "Bearer", "Bearer wrong", "Bearer schlüssel", http.headers["Authorization"][7:]):
        assert http.post("/score", content=body, headers={"Authorization": header.encode()}).status_code == 401


def test_error_of_the_model_is_a_424_with_its_status(http: httpx.Client) -> None:
    answer = http.post("/score", content=b'{"inputs": 1}')
    assert answer.status_code == 424
    assert answer.headers[MODEL_STATUS] == "400"
    assert "inputs" in answer.text


@pytest.mark.parametrize("path", ["/ping", "/v2/health/ready", "/metrics", "/invocations", "/score/x", ""])
def test_other_paths_of_the_container_are_not_reachable(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code in (401, 404, 405, 501)
    assert http.post(path, content=b"{}").status_code in (401, 404, 405, 501)


def test_unknown_deployment_is_not_ready(http: httpx.Client, body: bytes) -> None:
    assert http.post("/score", content=body, headers={DEPLOYMENT: "none"}).status_code == 503


def test_traffic_is_shared_and_a_header_picks(
    http: httpx.Client, body: bytes, client: MachineLearningServicesMgmtClient
) -> None:
    endpoints, deployments = client.online_endpoints, client.online_deployments
    blue = next(iter(deployments.list(GROUP, WORKSPACE, NAME)))
    green = models.OnlineDeployment(location=blue.location, sku=blue.sku, properties=blue.properties)
    assert deployments.begin_create_or_update(GROUP, WORKSPACE, NAME, "green", green).result(30).name == "green"
    assert http.post("/score", content=body, headers={DEPLOYMENT: "green"}).headers[DEPLOYMENT] == "green"
    endpoint = endpoints.get(GROUP, WORKSPACE, NAME)
    for traffic in ({blue.name: 50, "green": 50}, {blue.name: 100, "green": 0}):
        endpoint.properties.traffic = traffic
        endpoints.begin_create_or_update(GROUP, WORKSPACE, NAME, endpoint).result(20)
        seen = Counter(http.post("/score", content=body).headers[DEPLOYMENT] for _ in range(40))
        assert set(seen) == {name for name, share in traffic.items() if share}
    with pytest.raises(Exception, match="has traffic"):
        deployments.begin_delete(GROUP, WORKSPACE, NAME, blue.name).result(20)
    deployments.begin_delete(GROUP, WORKSPACE, NAME, "green").result(20)


def test_faults_have_azures_form(http: httpx.Client, body: bytes, sandbox: Sandbox) -> None:
    for faults, status in ((Faults(refuse=True), 403), (Faults(throttle_rate=1), 429), (Faults(error_rate=1), 503)):
        with sandbox.faults("azure", faults):
            answer = http.post("/score", content=body)
        assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
