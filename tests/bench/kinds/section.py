"""Typical models beside other servers, with 1, 2 and 4 processes, as a section."""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intermodal.platform.protocol.package import Package
from intermodal.serving.protocol.bodies import read_v2
from intermodal.serving.protocol.table import Checker
from intermodal.serving.protocol.tensors import columns_of
from intermodal.serving.runtimes.loader import load
from tests.bench import wrk
from tests.bench.environment import Unfit, environment
from tests.bench.kinds.models import KINDS, PACKAGES, Kind, Request, request
from tests.bench.peers.peer import MLSERVER, ROOT, SERVE, SERVERS, entry_points, ours
from tests.bench.peers.running import running
from tests.bench.report import Rounds, Section

ROUNDS, SECONDS, CONNECTIONS = 2, 2, 16
PROCESSES = (1, 2, 4)
OURS, INFER = "Intermodal", "/v2/models/{kind}/infer"


@dataclass(frozen=True)
class Server:
    """A server with a count of processes. ``binary``: it takes V2's binary tensors."""

    name: str
    processes: int
    requirements: Sequence[str]
    command: Sequence[str]
    path: str
    binary: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


def servers(processes: int) -> list[Server]:
    def script(name: str, count: int = processes) -> list[str]:
        return [str(SERVERS / f"{name}.py"), str(count)]

    mlserver = tuple(part for part in MLSERVER if not part.startswith("lightgbm"))
    environ = {"INTERMODAL_PROCESSES": str(processes), "INTERMODAL_UNSIGNED": "1"}
    return [
        Server(OURS, processes, ours(), SERVE, INFER, True, environ),
        Server("MLServer 1.7.1", processes, mlserver, script("mls", 0 if processes == 1 else processes), INFER),
        Server("KServe SDK 0.21.0", processes, ("kserve==0.21.0",), script("kserver"), INFER),
        Server("LitServe 0.2.19", processes, ("litserve==0.2.19",), script("lit"), "/predict"),
    ]


def section(kinds: Sequence[Kind] = KINDS, rounds: int = ROUNDS, seconds: int = SECONDS) -> Section:
    chosen = [server for processes in PROCESSES for server in servers(processes)]
    folders = {kind.name: kind.package() for kind in kinds}
    requests = {kind.name: request(folders[kind.name], kind.binary) for kind in kinds}
    found: dict[tuple[str, int, str], list[wrk.Result] | str] = {}
    for number in range(rounds):
        for kind in kinds:
            for server in chosen if number % 2 == 0 else reversed(chosen):
                key = (server.name, server.processes, kind.name)
                try:
                    result = _measure(server, kind, folders[kind.name], requests[kind.name], seconds)
                except Unfit as error:
                    found[key] = str(error).replace("|", "/")[:60]
                    continue
                before = found.get(key, [])
                if isinstance(before, list):
                    found[key] = [*before, result]
    rows: list[list[Any]] = [
        [server.name, server.processes, *(_cell(found[server.name, server.processes, kind.name]) for kind in kinds)]
        for server in chosen
    ]
    rows.append(["the library's own call", "", *(_bare(folders[kind.name], requests[kind.name]) for kind in kinds)])
    header = ["server", "processes", *(kind.name for kind in kinds)]
    return Section("Typical models", f"{TEXT.format(rounds=rounds, seconds=seconds)} {_goals(found)}", header, rows)


TEXT = (
    "One row in a V2 body, 16 connections, {rounds} rounds of {seconds} s, each server in an environment of its own "
    "and with as many processes (workers) as the second column says, on 2 cores which the load generator shares. "
    "*pipeline*: scikit-learn's ColumnTransformer (imputer, scaler, one-hot of 14 columns) and gradient boosting. "
    "*text*: TF-IDF and logistic regression. *xgboost*: 200 trees of depth 6. *image*: an ONNX network of 4 MB on "
    "3x224x224 numbers with 1,000 outputs, as a binary tensor for ours, which the others do not "
    "take without a header, and as JSON of 1 MB for them. Cells: "
    "requests/s (minimum to maximum); median p50 / p99. *The library's own call*: in one thread on a table that is "
    "ready, calls/s. Every server had to give the model's own prediction first."
)


def _measure(server: Server, kind: Kind, folder: Path, sent: Request, seconds: int) -> wrk.Result:
    name = server.name.split()[0].lower()
    python = environment(f"kind-{name}", [*server.requirements, *PACKAGES]) / "bin" / "python"
    path = f"{entry_points()}:{ROOT / 'src'}:{SERVERS}"
    environ = {"MODEL_URI": str(folder), "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **server.environ}
    body = sent.binary if server.binary else sent.json
    command, url = [str(python), *server.command], server.path.format(kind=kind.name)
    with running(command, url, body, sent.expected, environ) as up:
        wrk.run(up.url, body, CONNECTIONS, 1)  # every process has been called once
        return wrk.run(up.url, body, CONNECTIONS, seconds)


def _cell(results: list[wrk.Result] | str) -> str:
    if isinstance(results, str):
        return results
    p50, p99 = (statistics.median(each) for each in zip(*[(r.p50_ms, r.p99_ms) for r in results], strict=True))
    bad = sum(result.bad for result in results)
    rates = Rounds([result.requests_per_second for result in results])
    return f"{rates}; {p50:.1f} / {p99:.1f} ms" + (f"; {bad} failed" if bad else "")


def _bare(folder: Path, sent: Request) -> str:
    """By the runtime, without reading or writing a request."""
    package = Package.read(folder)
    runtime, checker = load(package, folder), Checker(package.signature)
    table = checker.check(columns_of(read_v2(sent.binary).inputs, package.signature))
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < SECONDS:
        runtime.predict(table)
        calls += 1
    return f"{calls / taken:,.0f}"


def _goals(found: Mapping[tuple[str, int, str], list[wrk.Result] | str]) -> str:
    """How many times the fastest peer with as many processes, for each kind."""
    parts = []
    for kind in sorted({key[2] for key in found}):
        times = []
        for processes in PROCESSES:
            rates = {
                key[0]: statistics.median([r.requests_per_second for r in results])
                for key, results in found.items()
                if (key[1], key[2]) == (processes, kind) and isinstance(results, list)
            }
            own = rates.pop(OURS, 0.0)
            times.append(f"{own / max(rates.values()):.1f}" if rates else "no peer")
        parts.append(f"{kind} {', '.join(times)}")
    return (
        f"Goal: twice the fastest peer. Reached, with {', '.join(map(str, PROCESSES))} processes: {'; '.join(parts)}."
    )
