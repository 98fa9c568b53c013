"""The gateway and haproxy before the same three upstreams, in turn: what each adds, and what a fault costs callers."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx

from intermodal.platform.targets import Target
from intermodal.sandbox.settings import free_port
from tests.bench import proxies
from tests.bench.open_loop import Client, Response
from tests.bench.proxies import GOLDEN, Proxy, until
from tests.bench.report import Rounds, Section
from tests.bench.upstream import Behaviour
from tests.targets import AWS, TARGETS

RATES, ROUNDS, SECONDS = (500, 2000), 3, 3.0
FAULT_RATE, FAULT_AT, FAULT_SECONDS = 500, 1.0, 5.0
FAULTS: dict[str, Behaviour | None] = {
    "killed": None,
    "slowed, answers in 2 s": Behaviour(delay=2),
    "30 % errors": Behaviour(bad_status=500, bad_percent=30),
    "throttled, 90 % of 429": Behaviour(bad_status=429, bad_percent=90),
}


class Upstreams:
    """Three upstream processes that can be killed, made to fail and restored."""

    def __init__(self, folder: Path) -> None:
        self.ports = {target: free_port() for target in TARGETS}
        self._folder = folder
        self._processes: dict[Target, subprocess.Popen[bytes]] = {}
        for target in TARGETS:
            self.mend(target)

    def mend(self, target: Target) -> None:
        self._set(target, Behaviour())
        process = self._processes.get(target)
        if process is None or process.poll() is not None:
            file = self._folder / f"{target.dotted}.json"
            command = [sys.executable, "-m", "tests.bench.upstream", str(self.ports[target]), str(file)]
            self._processes[target] = subprocess.Popen(command)
            until(lambda: _listens(self.ports[target]))

    def harm(self, target: Target, behaviour: Behaviour | None) -> None:
        if behaviour is None:
            self._processes[target].kill()
        else:
            self._set(target, behaviour)

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _set(self, target: Target, behaviour: Behaviour) -> None:
        behaviour.write(self._folder / f"{target.dotted}.json")


@dataclass(frozen=True)
class Bench:
    upstreams: Upstreams
    proxies: Sequence[Proxy]
    body: Path

    @property
    def names(self) -> list[str]:
        return [proxy.name for proxy in self.proxies]


def measure() -> Section:
    with started() as bench:
        rows = [row for rate in RATES for row in added(bench, rate)]
        rows += [row for fault, behaviour in FAULTS.items() for row in harmed(bench, fault, behaviour)]
    missing = "" if "haproxy" in bench.names else " haproxy is not installed here and could not be."
    text = (
        f"Before the same three upstreams (a process each that answers at once): the gateway as it is installed, with "
        "its two Envoy hops, and haproxy with its nearest settings, one worker each, in alternating order. *Added*: "
        f"what the quantile of a round lies over that of the direct call's, {ROUNDS} rounds of {SECONDS:.0f} s, "
        "open loop. *Client late*: how much later than due the client itself sent (p99), which is in no other figure. "
        f"Faults: {FAULT_RATE} requests/s, each upstream in turn harmed after {FAULT_AT:.0f} s of "
        f"{FAULT_SECONDS:.0f} s. *Drained*: until the proxy's own statistics first show that no first try goes there. "
        "Goals: p50 + 1 ms, 0 failed, gap and drained under 1,000 ms. haproxy 2.6 cannot try a 429 again." + missing
    )
    return Section("Gateway", text, ["what", "direct", *bench.names], rows, {"haproxy": proxies.haproxy_version()})


@contextmanager
def started() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        folder = Path(directory)
        body = folder / "body"
        body.write_text(GOLDEN)
        upstreams = Upstreams(folder)
        stack.callback(upstreams.close)
        kinds = [proxies.envoy, *([proxies.haproxy] if proxies.haproxy_program() else [])]
        yield Bench(upstreams, [stack.enter_context(kind(folder, upstreams.ports)) for kind in kinds], body)


def added(bench: Bench, rate: int) -> list[list[object]]:
    ways = {"direct": f"http://127.0.0.1:{bench.upstreams.ports[AWS]}/infer"}
    ways |= {proxy.name: proxy.url for proxy in bench.proxies}
    found: dict[str, list[list[Response]]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name, url in list(ways.items()) if number % 2 == 0 else reversed(ways.items()):
            found[name].append(Client(url, bench.body, rate, SECONDS).responses())
    rows: list[list[object]] = []
    for share in (0.5, 0.99):
        direct = [quantile_ms(responses, share) for responses in found["direct"]]
        over = [
            Rounds([quantile_ms(responses, share) - base for responses, base in zip(found[name], direct, strict=True)])
            for name in bench.names
        ]
        rows.append([f"{rate}/s: p{share * 100:.0f} ms, then added", Rounds(direct), *over])
    late = [
        Rounds([quantile_ms(responses, 0.99, lambda each: each.late) for responses in found[name]]) for name in ways
    ]
    failed = [sum(each.status != 200 for responses in found[name] for each in responses) for name in ways]
    return [*rows, [f"{rate}/s: failed", *failed], [f"{rate}/s: client late, p99 ms", *late]]


def quantile_ms(
    responses: list[Response], share: float, of: Callable[[Response], float] = lambda each: each.took
) -> float:
    return sorted(map(of, responses))[int(share * (len(responses) - 1))] * 1000


def harmed(bench: Bench, fault: str, behaviour: Behaviour | None) -> list[list[object]]:
    """Each upstream harmed once under each proxy."""
    found: dict[str, list[Harm]] = {name: [] for name in bench.names}
    for number, target in enumerate(TARGETS):
        for proxy in bench.proxies if number % 2 == 0 else reversed(bench.proxies):
            found[proxy.name].append(harm(bench, proxy, target, behaviour))
    kinds = [found[name] for name in bench.names]
    sent = {outcome.sent for kind in kinds for outcome in kind}
    return [
        [
            f"{fault}: failed of {max(sent)}",
            "",
            *(", ".join(str(outcome.failed) for outcome in kind) for kind in kinds),
        ],
        [f"{fault}: longest gap ms", "", *(Rounds([outcome.gap_ms for outcome in kind]) for kind in kinds)],
        [f"{fault}: p99 ms", "", *(Rounds([outcome.p99_ms for outcome in kind]) for kind in kinds)],
        [f"{fault}: drained ms", "", *(", ".join(outcome.drained for outcome in kind) for kind in kinds)],
    ]


@dataclass(frozen=True)
class Harm:
    sent: int
    failed: int
    gap_ms: float
    p99_ms: float
    drained: str


def harm(bench: Bench, proxy: Proxy, target: Target, behaviour: Behaviour | None) -> Harm:
    until(lambda: all(all(other.healthy().values()) for other in bench.proxies))
    client = Client(proxy.url, bench.body, FAULT_RATE, FAULT_SECONDS)
    time.sleep(FAULT_AT)
    harmed_at, drained = time.monotonic(), ""
    bench.upstreams.harm(target, behaviour)
    while not drained and time.monotonic() < harmed_at + FAULT_SECONDS - FAULT_AT:
        if not proxy.healthy()[target]:
            drained = f"{(time.monotonic() - harmed_at) * 1000:.0f}"
        time.sleep(0.01)
    responses = client.responses()
    bench.upstreams.mend(target)
    good = sorted(response.due + response.late + response.took for response in responses if response.status == 200)
    gap = max((after - before for before, after in pairwise(good)), default=float("inf"))
    failed = sum(response.status != 200 for response in responses)
    return Harm(
        len(responses),
        failed,
        gap * 1000,
        quantile_ms(responses, 0.99),
        drained or f"not in {FAULT_SECONDS - FAULT_AT:.0f} s",
    )


def _listens(port: int) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/infer", content=GOLDEN).status_code == 200
    except httpx.HTTPError:
        return False
