"""A real Envoy, and three fake endpoints in front of which it stands."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from intermodal.platform.ports.endpoints import AwsSignature, BearerToken, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import CLOUDS, Cloud
from intermodal.resources.envoy.gateway import EnvoyGateway, write_bootstrap
from intermodal.sandbox.settings import free_port
from tests.resources.envoy.upstreams import FakeUpstream

GOLDEN = '{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}]}'
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
    command = [ENVOY, "-c", write_bootstrap(directory, port, admin), "--disable-hot-restart", "--concurrency", "1"]
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


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class Model:
    """A model of one test: three endpoints and what is published of them."""

    gateway: EnvoyGateway
    name: str
    clouds: dict[Cloud, FakeUpstream]
    version: str = "1.0.0"
    credentials: dict[Cloud, AwsSignature | BearerToken] = field(default_factory=dict)

    def route(self, **weights: int) -> Route:
        shares = {cloud: weights[cloud] for cloud in CLOUDS if cloud in weights} or dict.fromkeys(self.clouds, 1)
        metadata = {"name": self.name, "versions": [self.version], "inputs": [], "outputs": []}
        return Route(self.name, self.version, shares, metadata, GOLDEN)

    def upstreams(self) -> list[Upstream]:
        return [
            Upstream(cloud, self.version, fake.url, self.credentials.get(cloud)) for cloud, fake in self.clouds.items()
        ]

    def publish(self, **weights: int) -> None:
        self.gateway.publish(self.route(**weights), self.upstreams())

    @property
    def url(self) -> str:
        return f"{self.gateway.url}/v2/models/{self.name}"

    def infer(self, **options: object) -> httpx.Response:
        return httpx.post(f"{self.url}/infer", **{"content": GOLDEN, "timeout": 30, **options})  # type: ignore[arg-type]

    def healthy(self) -> set[Cloud]:
        return {cloud for cloud, well in self.gateway.upstream_health(self.name).items() if well}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnvoyGateway]:
    with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


NUMBERS = itertools.count(1)


@pytest.fixture
def model(gateway: EnvoyGateway) -> Iterator[Model]:
    """A model of its own for each test, not yet published."""
    model = Model(gateway, f"model_{next(NUMBERS)}", {cloud: FakeUpstream() for cloud in CLOUDS})
    try:
        yield model
        gateway.withdraw(model.name)
    finally:
        for fake in model.clouds.values():
            fake.close()
