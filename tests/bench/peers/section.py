"""The peers' measurements as a section."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intermodal.platform.protocol.package import Package
from tests.bench import wrk
from tests.bench.environment import Unfit, run
from tests.bench.installation import Installation
from tests.bench.peers.golden_requests import ROWS, GoldenRequests, golden_requests
from tests.bench.peers.peer import EMPTY, LOGS_ALL, OURS, PEERS, ROOT, SERVERS, THIN_APP, Peer, entry_points
from tests.bench.peers.running import running
from tests.bench.report import Rounds, Section
from tests.bench.serving import quantiles_ms

ROUNDS, SECONDS = 3, 1
CONNECTIONS = (1, 16, 64)
LOADS = [(rows, connections) for rows in ROWS for connections in CONNECTIONS]


@dataclass
class Found:
    """Of one server, of every round; or why there is nothing."""

    ready: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    loads: dict[tuple[int, int], list[wrk.Result]] = field(default_factory=lambda: {load: [] for load in LOADS})
    unfit: str = ""

    def rate(self, *load: int) -> float:
        results = self.loads[load[0], load[1]]
        return statistics.median([result.requests_per_second for result in results]) if results else 0.0

    def cell(self, load: tuple[int, int]) -> str:
        results = self.loads[load]
        p50, p99 = (statistics.median(each) for each in zip(*[(r.p50_ms, r.p99_ms) for r in results], strict=True))
        return f"{Rounds([result.requests_per_second for result in results])}; {p50:.1f} / {p99:.1f} ms"


def measure(installation: Installation) -> Section:
    return section(installation.package)


def section(package: Path, rounds: int = ROUNDS, seconds: int = SECONDS) -> Section:
    requests, servers = golden_requests(package), [OURS, LOGS_ALL, *PEERS, EMPTY]
    found = {peer: _prepared(peer, package) for peer in servers}
    for number in range(rounds):
        for peer in servers if number % 2 == 0 else reversed(servers):
            if not found[peer].unfit:
                try:
                    _turn(peer, package, requests, seconds, found[peer])
                except Unfit as error:
                    found[peer].unfit = str(error).replace("|", "/")
    header = ["server", "ready s", "memory MB", "installed MB", *(f"{r} row(s), {c} conn." for r, c in LOADS), "failed"]
    rows = [_row(peer, figures) for peer, figures in found.items()]
    bare = [_bare(package, count) for count in ROWS]
    rows.append(["bare model call", "", "", "", bare[0], "", "", bare[1], "", "", ""])
    text = f"{TEXT.format(rounds=rounds, seconds=seconds)} {_goals(found)}"
    return Section("Serving beside its peers", text, header, rows, wrk.version())


TEXT = (
    "The flight model behind one worker of each server in its best setting that was found (access logs off, one "
    "thread, uvloop and httptools where it can use them, the prediction in the event loop where it lets one; LitServe "
    "with its fast queue; MLServer without and with a worker of its own), each in an environment of its own, started "
    "for every round, one at a time, in alternating order; "
    "{rounds} rounds of {seconds} s a load. Cells: requests/s (minimum to maximum); median p50 / p99. Ours checks "
    "every value, counts, limits and keeps the prediction log as a spec has it; the peers do no more than their "
    "defaults. *ready*: from the start of the process to the first right answer to 100 golden rows; every server had "
    "to give the model's own predictions. *memory*: proportional set size of all its processes after the load. "
    "*installed*: the environment's files without Python and, for ours, without our own code."
)


def _prepared(peer: Peer, package: Path) -> Found:
    found = Found()
    try:
        python = str(peer.python())
        if peer.prepare:
            run([python, *peer.prepare], peer.folder, _environ(peer, package))
    except Unfit as error:
        found.unfit = str(error).replace("|", "/")
    return found


def _environ(peer: Peer, package: Path) -> dict[str, str]:
    return {"MODEL_URI": str(package), "PYTHONPATH": f"{entry_points()}:{ROOT / 'src'}:{SERVERS}", **peer.environ}


def _turn(peer: Peer, package: Path, requests: GoldenRequests, seconds: int, found: Found) -> None:
    environ = _environ(peer, package)
    expected = [] if peer is EMPTY else requests.expected
    command = [str(peer.python()), *peer.command]
    with running(command, peer.path, requests.bodies[peer.body, max(ROWS)], expected, environ) as server:
        for rows, connections in LOADS:
            result = wrk.run(server.url, requests.bodies[peer.body, rows], connections, seconds)
            found.loads[rows, connections].append(result)
        found.ready.append(server.ready)
        found.memory_mb.append(server.memory_mb())


def _row(peer: Peer, found: Found) -> list[Any]:
    if found.unfit:
        return [peer.name, found.unfit, *[""] * (len(LOADS) + 3)]
    failed = sum(result.bad for results in found.loads.values() for result in results)
    cells = [found.cell(load) for load in LOADS]
    return [peer.name, Rounds(found.ready), Rounds(found.memory_mb), f"{peer.installed_mb():.0f}", *cells, failed]


def _bare(package: Path, rows: int) -> str:
    import lightgbm
    import numpy as np

    described = Package.read(package)
    booster = lightgbm.Booster(model_file=str(package / described.file))
    matrix = np.zeros((rows, len(described.signature.inputs)))
    p50, p99 = quantiles_ms(lambda: booster.predict(matrix, num_threads=1))
    return f"{1000 / p50:,.0f}; {p50:.3f} / {p99:.3f} ms"


def _goals(found: dict[Peer, Found]) -> str:
    """The goals, and the results."""
    ours, fit = found[OURS], [peer for peer in PEERS if not found[peer].unfit]
    if ours.unfit or THIN_APP not in fit or len(fit) < 2:
        return "There is nothing to compare with."
    p99 = statistics.median([result.p99_ms for result in ours.loads[1, 64]])
    lightest = min(fit, key=lambda peer: statistics.median(found[peer].memory_mb))
    return (
        f"Goals and what was reached, at 16 connections: 4 times the fastest peer on one row: {_times(found, 1)}; "
        f"twice on 100 rows: {_times(found, 100)}; 60 % of the empty server: "
        f"{ours.rate(1, 16) / found[EMPTY].rate(1, 16):.0%}; p99 at 64 connections under 50 ms: {p99:.1f} ms; less "
        f"memory than the lightest peer: {statistics.median(ours.memory_mb):.0f} MB to "
        f"{statistics.median(found[lightest].memory_mb):.0f} MB of {lightest.name}; ready in under 1 s: "
        f"{statistics.median(ours.ready):.2f} s."
    )


def _times(found: dict[Peer, Found], rows: int) -> str:
    """How many times faster than the fastest framework, and than the app that does nothing else."""
    frameworks = [peer for peer in PEERS if peer is not THIN_APP and not found[peer].unfit]
    fastest = max(frameworks, key=lambda peer: found[peer].rate(rows, 16))
    ours = found[OURS].rate(rows, 16)
    return " and ".join(f"{ours / found[peer].rate(rows, 16):.1f} times {peer.name}" for peer in (fastest, THIN_APP))
