"""The gateway in a whole installation: what it and the clouds add, and what callers see while a cloud is killed."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import psutil

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Cloud, select
from intermodal.resources.envoy.gateway import EnvoyGateway
from intermodal.resources.storage.incidents import JsonIncidents
from intermodal.sandbox import clouds
from intermodal.sandbox.local import services
from tests import load
from tests.bench.installation import Installation
from tests.bench.report import Rounds, Section
from tests.targets import AWS, TARGETS

RATE, ROUNDS, SECONDS = 500, 3, 5
KILL_AT, KILL_SECONDS = 5.0, 20.0


def added(installation: Installation) -> Section:
    """The same server processes called directly, through the gateway alone, and through gateway and clouds, in turn."""
    body, servers, gateway = installation.golden_body(), _servers(installation), _gateway(installation)
    urls = dict(zip(TARGETS, [f"{server}/v2/models/flight_delay/infer" for server in servers], strict=True))
    route = Route("bench", "1.0.0", even_weights(TARGETS), {}, body.decode())
    gateway.publish(route, [Upstream(target, "1.0.0", url) for target, url in urls.items()])
    ways = {
        "direct to a server": urls[AWS],
        "through the gateway": installation.infer_url.replace("flight_delay", "bench"),
        "through gateway and clouds": installation.infer_url,
    }
    found: dict[str, list[load.Load]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name, url in list(ways.items()) if number % 2 == 0 else reversed(ways.items()):
            found[name].append(asyncio.run(load.send(url, body, RATE, SECONDS)))
    gateway.withdraw("bench")
    rows = [_row(name, loads) for name, loads in found.items()]
    direct, through = found["direct to a server"], found["through the gateway"]
    rows.append(
        ["added by the gateway", Rounds([t.p50_ms - d.p50_ms for t, d in zip(through, direct, strict=True)]), "", ""]
    )
    text = (
        f"{RATE} requests/s from one Python client, {ROUNDS} rounds of {SECONDS} s in alternating order. The gateway's "
        "way has two Envoy hops. The sandbox's clouds add their fronts, in Python, which check signatures, tokens and "
        "keys; no real cloud has them."
    )
    return Section("Gateway before the clouds", text, ["way", "p50 ms", "p99 ms", "failed"], rows)


def _row(name: str, loads: list[load.Load]) -> list[object]:
    p50, p99 = Rounds([sent.p50_ms for sent in loads]), Rounds([sent.quantile_ms(0.99) for sent in loads])
    return [name, p50, p99, sum(len(sent.failed) for sent in loads)]


def _gateway(installation: Installation) -> EnvoyGateway:
    settings = installation.settings
    return EnvoyGateway(
        directory=str(settings.home / "gateway"),
        url=f"http://127.0.0.1:{settings.ports.gateway}",
        admin_url=f"http://127.0.0.1:{settings.ports.gateway_admin}",
        ca_bundle=services.variables(settings)["INTERMODAL_GATEWAY_CA_BUNDLE"],
    )


def _servers(installation: Installation) -> list[str]:
    """The addresses of the server processes themselves, without their clouds' fronts."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    ours = [
        line for line in lines if "intermodal.serving" in line and str(installation.settings.home) in " ".join(line)
    ]
    return [f"http://127.0.0.1:{line[line.index('--port') + 1]}" for line in ours]


def killed(installation: Installation) -> Section:
    """Each cloud killed whole under load, then restored."""
    rows = [_kill(installation, cloud) for cloud in _clouds(installation)]
    text = (
        f"Each cloud once: {RATE} requests/s for {KILL_SECONDS:.0f} s; after {KILL_AT:.0f} s all of its processes are "
        "killed. "
        "*Drained*: from the kill until the gateway's own statistics show that it sends nothing there, read every "
        "10 ms. *Capacity back*: from the kill until the failover run noted that the next cloud serves with the "
        "lost cloud's replicas too (goal: 30 s). *Share back*: seconds from the start of the restore until the "
        "recovery gave the cloud its weight and it has 80 % of its share again, in steps of a second."
    )
    header = [
        "cloud",
        "requests",
        "failed",
        "p50 ms",
        "p99 ms",
        "longest ms",
        "drained ms",
        "answers after",
        "capacity back s",
        "share back s",
    ]
    return Section("A cloud killed under load", text, header, rows)


def _clouds(installation: Installation) -> list[Cloud]:
    route = _gateway(installation).route("flight_delay")
    assert route is not None
    return list(dict.fromkeys(target.cloud for target in route.weights))


def _kill(installation: Installation, cloud: Cloud) -> list[object]:
    settings, url, body = installation.settings, installation.infer_url, installation.golden_body()
    gateway, drained = _gateway(installation), list[float]()
    incidents, killed_at = JsonIncidents(address=str(settings.home / "incidents")), time.time() + KILL_AT
    route = gateway.route("flight_delay")
    assert route is not None
    targets = select(cloud, route.weights)
    share = sum(route.weights[target] for target in targets) / 100

    def watch() -> None:
        started = time.perf_counter()
        while any(gateway.upstream_health("flight_delay").get(target, False) for target in targets):
            time.sleep(0.01)
        drained.append((time.perf_counter() - started) * 1000)

    acts: list[tuple[float, Callable[[], object]]] = [
        (KILL_AT, watch),
        (KILL_AT, partial(clouds.outage, settings, cloud)),
    ]
    sent = asyncio.run(load.send(url, body, RATE, KILL_SECONDS, acts))
    capacity = _capacity_at(incidents, cloud, killed_at)
    after = sent.clouds(since=KILL_AT + drained[0] / 1000)[cloud]
    started = time.perf_counter()
    clouds.restore(settings, cloud)
    back = (
        f"{time.perf_counter() - started:.0f}"
        if asyncio.run(_share_back(installation, cloud, share))
        else "not within 120"
    )
    longest = max(request.seconds for request in sent.sent) * 1000
    return [
        *(cloud, len(sent.sent), len(sent.failed), f"{sent.p50_ms:.1f}", f"{sent.quantile_ms(0.99):.1f}"),
        *(f"{longest:.0f}", f"{drained[0]:.0f}", after),
        *(f"{capacity - killed_at:.0f}" if capacity else "not within 120", back),
    ]


def _capacity_at(incidents: JsonIncidents, cloud: Cloud, since: float) -> float | None:
    """When another cloud had taken over, Unix seconds; None when it did not in two minutes."""
    deadline = time.time() + 120
    while time.time() < deadline:
        for incident in incidents.all("flight_delay"):
            opened = incident.target.cloud == cloud and incident.opened_at >= since - 1
            if opened and (capacity := incident.time_of("capacity")):
                return capacity
        time.sleep(0.2)
    return None


async def _share_back(installation: Installation, cloud: Cloud, share: float) -> bool:
    for _ in range(120):
        now = await load.send(installation.infer_url, installation.golden_body(), 200, 1)
        if now.clouds()[cloud] >= 0.8 * share * len(now.sent):
            return True
    return False
