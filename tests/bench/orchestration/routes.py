"""One route written while many are published: a real Envoy, three upstreams that answer at once."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target
from intermodal.resources.envoy import files, upstream
from intermodal.resources.envoy.control import state
from intermodal.resources.envoy.gateway import EnvoyGateway, write_bootstrap
from intermodal.resources.envoy.settings import Paths
from intermodal.sandbox.settings import free_port
from tests.bench.proxied import Upstreams
from tests.bench.proxies import GOLDEN, running, until
from tests.targets import TARGETS

ROUNDS = 3
EVEN: dict[Target, int] = dict.fromkeys(TARGETS, 1)


def measure(models: int) -> tuple[list[float], list[float]]:
    """Seconds until the gateway answers by a route that is new, and by new weights, beside ``models`` - 1 others."""
    with tempfile.TemporaryDirectory() as name, _gateway(Path(name), models - 1) as (gateway, upstreams):
        published, shifted = [], []
        for number in range(ROUNDS):
            new = f"new_{number}"
            started = time.perf_counter()
            gateway.publish(Route(new, "1.0.0", EVEN, {}, GOLDEN), upstreams)
            until(lambda new=new: _cloud(gateway, new))
            published.append(time.perf_counter() - started)
            only = TARGETS[number]
            started = time.perf_counter()
            gateway.shift(new, {only: 1})
            until(lambda new=new, only=only: _cloud(gateway, new) == str(only))
            shifted.append(time.perf_counter() - started)
        return published, shifted


def _cloud(gateway: EnvoyGateway, model: str) -> str:
    """The upstream that answers; "" for none yet."""
    answer = httpx.post(f"{gateway.url}/v2/models/{model}/infer", content=GOLDEN, timeout=30)
    return answer.headers["x-intermodal-target"] if answer.status_code == 200 else ""


@contextmanager
def _gateway(folder: Path, models: int) -> Iterator[tuple[EnvoyGateway, list[Upstream]]]:
    """Started on the state of that many models: publishing them one by one would be most of the measurement."""
    servers = Upstreams(folder)
    try:
        upstreams = [Upstream(target, "1.0.0", f"http://127.0.0.1:{servers.ports[target]}/infer") for target in TARGETS]
        paths = Paths(folder / "gateway")
        paths.routes.mkdir(mode=0o700, parents=True)
        for number in range(models):
            model = upstream.published(Route(f"m{number}", "1.0.0", EVEN, {}, GOLDEN), tuple(upstreams))
            files.write(state.state_file(model.route.model, paths), state.state_text(model))
        port, admin = free_port(), free_port()
        start = write_bootstrap(paths.directory, port, admin)
        envoy = [str(Path(sys.executable).parent / "envoy"), "-c", str(start)]
        with running([*envoy, "--disable-hot-restart", "--concurrency", "1", "-l", "error"]):
            gateway = EnvoyGateway(
                directory=str(paths.directory),
                url=f"http://127.0.0.1:{port}",
                admin_url=f"http://127.0.0.1:{admin}",
                take_seconds=60,
            )
            until(lambda: _alive(gateway), 60)
            if models:
                until(lambda: _cloud(gateway, "m0"), 60)
            yield gateway, upstreams
    finally:
        servers.close()


def _alive(gateway: EnvoyGateway) -> bool:
    try:
        return httpx.get(f"{gateway.url}/v2/health/live").status_code == 200
    except httpx.HTTPError:
        return False
