"""Many models in one process: what each more costs in memory, start-up and latency."""

import json
import shutil
import tempfile
import time
from pathlib import Path

from intermodal.platform.protocol.package import DESCRIPTOR
from tests.bench import wrk
from tests.bench.installation import Installation
from tests.bench.process import SERVER, started
from tests.bench.report import Rounds, Section

COUNTS, ROUNDS, SECONDS, CONNECTIONS = (1, 10, 100), 3, 3, 16


def measure(installation: Installation) -> Section:
    body = installation.golden_body()
    found: dict[int, list[tuple[float, float, wrk.Result]]] = {count: [] for count in COUNTS}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            _copies(installation.package, Path(folder) / str(count), count)
        for number in range(ROUNDS):
            for count in COUNTS if number % 2 == 0 else reversed(COUNTS):
                found[count].append(_one(Path(folder) / str(count), count, body))
    rows = [
        [
            count,
            Rounds([ready for ready, _, _ in rounds]),
            Rounds([megabytes for _, megabytes, _ in rounds]),
            Rounds([result.requests_per_second for _, _, result in rounds]),
            Rounds([result.p50_ms for _, _, result in rounds]),
            Rounds([result.p99_ms for _, _, result in rounds]),
            sum(result.bad for _, _, result in rounds),
        ]
        for count, rounds in found.items()
    ]
    text = (
        f"Copies of flight_delay under names of their own in one server, called in turn: one row, {CONNECTIONS} "
        f"connections, {ROUNDS} rounds of {SECONDS} s, the prediction log on. *ready* is from starting the process "
        "until every model has repeated its golden rows; memory is resident, after the load."
    )
    header = ["models", "ready s", "memory MB", "requests/s", "p50 ms", "p99 ms", "failed"]
    return Section("Many models in one process", text, header, rows, wrk.version())


def _copies(package: Path, folder: Path, count: int) -> None:
    for number in range(count):
        copy = Path(shutil.copytree(package, folder / f"model_{number}"))
        descriptor = json.loads((copy / DESCRIPTOR).read_text())
        (copy / DESCRIPTOR).write_text(json.dumps({**descriptor, "model": f"model_{number}"}))


def _one(folder: Path, count: int, body: bytes) -> tuple[float, float, wrk.Result]:
    """Seconds until ready, megabytes after the load, and the load's result."""
    paths = [f"/v2/models/model_{number}/infer" for number in range(count)]
    since = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as log,
        started(SERVER, "/ping", MODEL_URI=str(folder), INTERMODAL_PREDICTIONS=f"file://{log}") as (url, process),
    ):
        ready = time.perf_counter() - since
        result = wrk.run(url, body, CONNECTIONS, SECONDS, paths)
        return ready, process.memory_info().rss / 1e6, result
