"""What the gateway adds, and what callers see while each cloud is killed under load."""

import asyncio
import json
import time

import httpx
import psutil

from intermodal.platform.clouds import CLOUDS, Cloud
from intermodal.resources.gateway import EnvoyGateway
from intermodal.sandbox import clouds
from tests import load
from tests.bench.installation import Installation
from tests.bench.report import Rounds, Section

RATE, ROUNDS, SECONDS = 500, 3, 5
KILL_AT, KILL_SECONDS = 5.0, 20.0


def added(installation: Installation) -> Section:
    """A direct call to one endpoint's server against the same through the gateway, in turn, at the same rate."""
    body, direct, through = installation.golden_body(), [], []
    url = _one_server(installation)
    for _ in range(ROUNDS):
        direct.append(asyncio.run(load.send(f"{url}/v2/models/flight_delay/infer", body, RATE, SECONDS)))
        through.append(asyncio.run(load.send(installation.infer_url, body, RATE, SECONDS)))
    rows = [_row("direct to one server", direct), _row("through gateway and clouds", through)]
    rows.append(["added", Rounds([t.p50_ms - d.p50_ms for t, d in zip(through, direct, strict=True)]), "", ""])
    text = (
        f"{RATE} requests/s from one Python client, {ROUNDS} rounds of {SECONDS} s in turn. The way through the "
        "gateway has two Envoy hops, and in the sandbox the fronts of three clouds in Python, which check "
        "signatures, tokens and keys."
    )
    return Section("Gateway", text, ["way", "p50 ms", "p99 ms", "failed"], rows)


def _row(name: str, loads: list[load.Load]) -> list[object]:
    p50, p99 = Rounds([one.p50_ms for one in loads]), Rounds([one.quantile_ms(0.99) for one in loads])
    return [name, p50, p99, sum(len(one.failed) for one in loads)]


def _one_server(installation: Installation) -> str:
    """The address of a server process itself, without its cloud's front: found by asking every port it may have."""
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "intermodal.serving" in line and str(installation.settings.home) in " ".join(line):
            url = f"http://127.0.0.1:{line[line.index('--port') + 1]}"
            if httpx.get(f"{url}/v2/health/ready").status_code == 200:
                return url
    raise SystemExit("no server of this installation answers")


def killed(installation: Installation) -> Section:
    """Each cloud killed whole under load, then restored."""
    rows = [_kill(installation, cloud) for cloud in CLOUDS]
    text = (
        f"{RATE} requests/s for {KILL_SECONDS:.0f} s; after {KILL_AT:.0f} s all processes of the cloud are killed. "
        "*Drained*: from the kill until the gateway's own statistics say that it sends nothing there, asked every "
        "10 ms. *Share back*: seconds from the start of the restore until the cloud has 80 % of its share again, in "
        "steps of a second."
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
        "share back s",
    ]
    return Section("A cloud killed under load", text, header, rows)


def _kill(installation: Installation, cloud: Cloud) -> list[object]:
    settings, url, body = installation.settings, installation.infer_url, installation.golden_body()
    gateway = EnvoyGateway(
        directory=str(settings.home / "gateway"),
        url=f"http://127.0.0.1:{settings.ports.gateway}",
        admin_url=f"http://127.0.0.1:{settings.ports.gateway_admin}",
    )
    drained: list[float] = []

    def outage() -> None:
        killed_at = time.perf_counter()
        clouds.outage(settings, cloud)
        while gateway.upstream_health("flight_delay").get(cloud, False):
            time.sleep(0.01)
        drained.append((time.perf_counter() - killed_at) * 1000)

    sent = asyncio.run(load.send(url, body, RATE, KILL_SECONDS, [(KILL_AT, outage)]))
    after = sent.clouds(since=KILL_AT + drained[0] / 1000)[cloud]
    started = time.perf_counter()
    clouds.restore(settings, cloud)
    asyncio.run(_share_back(installation, cloud))
    back = time.perf_counter() - started
    longest = max(one.seconds for one in sent.sent) * 1000
    return [
        *(cloud, len(sent.sent), len(sent.failed), f"{sent.p50_ms:.1f}", f"{sent.quantile_ms(0.99):.1f}"),
        *(f"{longest:.0f}", f"{drained[0]:.0f}", after, f"{back:.0f}"),
    ]


async def _share_back(installation: Installation, cloud: Cloud) -> None:
    state = json.loads((installation.settings.home / "gateway" / "routes" / "flight_delay.json").read_text())
    share = state["route"]["weights"][cloud] / 100
    for _ in range(60):
        now = await load.send(installation.infer_url, installation.golden_body(), 200, 1)
        if now.clouds()[cloud] >= 0.8 * share * len(now.sent):
            return
    raise SystemExit(f"{cloud} did not get its share back within a minute")
