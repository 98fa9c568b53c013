"""A function app of the sandbox behind the real gateway: called with its key, probed by the golden row."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import parity, v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.resources.envoy.gateway import EnvoyGateway
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.resources.azure.support import make_functions, upload
from tests.resources.envoy.conftest import target_of, until
from tests.sandbox_fixture import Sandbox, sandbox  # noqa: F401
from tests.targets import FUNCTIONS

pytestmark = pytest.mark.sandbox
MODEL = "flight_delay"


@pytest.fixture(scope="module")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:  # noqa: F811
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("azure", patch)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)


@pytest.fixture(scope="module")
def body(package: Path) -> bytes:
    return v2.request_body(Package.read(package).signature, Golden.read(package).rows)


@pytest.fixture(scope="module")
def url(variables: Mapping[str, str], package: Path, body: bytes, gateway: EnvoyGateway) -> Iterator[str]:
    """Of the model at the gateway, whose only upstream is the function app."""
    target = make_functions(variables)
    artifacts, image = upload(variables, package, "gateway/1.2.0"), variables["INTERMODAL_AZURE_IMAGE"]
    request = DeployRequest(MODEL, "1.2.0", "gateway", "team:x", image, artifacts)
    endpoint = target.deploy(request)
    metadata = {"name": MODEL, "versions": ["1.2.0"], "inputs": [], "outputs": []}
    route = Route(MODEL, "1.2.0", {FUNCTIONS: 1}, metadata, body.decode())
    gateway.publish(route, [target.upstream(endpoint)])
    yield f"{gateway.url}/v2/models/{MODEL}"
    gateway.withdraw(MODEL)
    target.delete(request.name)


def test_gateway_sends_the_key_and_the_function_predicts(url: str, body: bytes, package: Path) -> None:
    answer = httpx.post(f"{url}/infer", content=body, headers={"x-functions-key": "of-the-client"})
    assert answer.status_code == 200, answer.text
    assert target_of(answer) == FUNCTIONS
    assert parity.holds(Golden.read(package).predictions, v2.predictions(answer.content))


def test_wrong_body_is_answered_with_the_models_own_reason(url: str) -> None:
    tensor = {"name": "distance", "datatype": "FP64", "shape": [1], "data": ["far"]}
    answer = httpx.post(f"{url}/infer", json={"inputs": [tensor]})
    assert 400 <= answer.status_code < 500
    assert "distance" in answer.text


def test_refused_key_is_no_fault_of_the_client(url: str, body: bytes, sandbox: Sandbox) -> None:  # noqa: F811
    with sandbox.faults("azure", Faults(refuse=True, scope="endpoints", target="functions")):
        assert httpx.post(f"{url}/infer", content=body).status_code == 503


def test_golden_probe_finds_outage_and_return(
    url: str,
    gateway: EnvoyGateway,
    sandbox: Sandbox,  # noqa: F811
) -> None:
    until(lambda: gateway.upstream_health(MODEL)[FUNCTIONS])
    with sandbox.faults("azure", Faults(error_rate=1, scope="endpoints", target="functions")):
        until(lambda: not gateway.upstream_health(MODEL)[FUNCTIONS])
    until(lambda: gateway.upstream_health(MODEL)[FUNCTIONS])
    assert httpx.get(f"{url}/ready").status_code == 200
