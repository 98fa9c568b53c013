"""A real Envoy before fake endpoints."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, ErrorEnvelope, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target, parse_target
from intermodal.resources.envoy.gateway import EnvoyGateway, write_bootstrap
from intermodal.sandbox.settings import free_port
from tests.resources.envoy.upstreams import FakeUpstream
from tests.targets import TARGETS

GOLDEN = '{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}]}'
QUIRKS: dict[str, Any] = {
    "sagemaker": {
        "id_header": "X-Amzn-SageMaker-Custom-Attributes",
        "errors": ErrorEnvelope(424, "", "OriginalStatusCode", "OriginalMessage", "x-amzn-ErrorType"),
    },
    "ml": {"errors": ErrorEnvelope(424, status_header="ms-azureml-model-error-statuscode")},
}
"""What the adapters of these kinds give, as the vendors document it."""
RESERVED_HEADERS = ("azureml-model-deployment",)
RESERVED_PREFIXES = ("x-amz", "x-goog-", "x-ms-", "x-functions-")
ENVOY = Path(sys.executable).parent / "envoy"


def until(true: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


@contextmanager
def running(directory: Path) -> Iterator[EnvoyGateway]:
    """An Envoy started as the sandbox starts it, and the resource that configures it."""
    directory.mkdir(exist_ok=True)
    port, admin = free_port(), free_port()
    start = write_bootstrap(
        directory, port, admin, reserved_headers=RESERVED_HEADERS, reserved_prefixes=RESERVED_PREFIXES
    )
    command = [ENVOY, "-c", start, "--disable-hot-restart", "--concurrency", "1"]
    with (directory / "envoy.log").open("w") as log:
        process = subprocess.Popen([*map(str, command), "-l", "warning"], stderr=log, stdout=log)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/v2/health/live"))
        yield EnvoyGateway(
            directory=str(directory),
            url=url,
            admin_url=f"http://127.0.0.1:{admin}",
            probe_seconds=1,
            recovery_seconds=0.3,
        )
    finally:
        process.kill()
        process.wait()


def target_of(answer: httpx.Response) -> Target | None:
    """Who answered; None when no target did."""
    text = answer.headers.get("x-intermodal-target")
    return parse_target(text) if text else None


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class Model:
    """A model of one test: its endpoints, in serving order, and what is published of them."""

    gateway: EnvoyGateway
    name: str
    fakes: dict[Target, FakeUpstream]
    version: str = "1.0.0"
    credentials: dict[Target, AwsSignature | BearerToken] = field(default_factory=dict)

    def serve(self, *targets: Target) -> None:
        """Serve on these targets, each with an endpoint of its own, and on no others."""
        for fake in self.fakes.values():
            fake.close()
        self.fakes = {target: FakeUpstream() for target in targets}

    def route(self, weights: Mapping[Target, int] | None = None) -> Route:
        metadata = {"name": self.name, "versions": [self.version], "inputs": [], "outputs": []}
        return Route(self.name, self.version, weights or dict.fromkeys(self.fakes, 1), metadata, GOLDEN)

    def upstreams(self) -> list[Upstream]:
        return [
            Upstream(target, self.version, fake.url, self.credentials.get(target), **QUIRKS.get(target.kind, {}))
            for target, fake in self.fakes.items()
        ]

    def publish(self, weights: Mapping[Target, int] | None = None) -> None:
        self.gateway.publish(self.route(weights), self.upstreams())

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/v2/models/{self.name}"

    def infer(self, **options: object) -> httpx.Response:
        return httpx.post(f"{self.url}/infer", **{"content": GOLDEN, "timeout": 30, **options})  # type: ignore[arg-type]

    def healthy(self) -> set[Target]:
        return {target for target, well in self.gateway.upstream_health(self.name).items() if well}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvoyGateway]:
    with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


NUMBERS = itertools.count(1)


@pytest.fixture
def model(gateway: EnvoyGateway) -> Iterator[Model]:
    """A model of its own for each test, not yet published."""
    model = Model(gateway, f"model_{next(NUMBERS)}", {target: FakeUpstream() for target in TARGETS})
    try:
        yield model
        gateway.withdraw(model.name)
    finally:
        for fake in model.fakes.values():
            fake.close()
