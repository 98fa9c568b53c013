"""The server on one row, against the bare model call and an empty server, in the same run."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from intermodal.platform.protocol.package import Package
from intermodal.serving.dataplane import open_plane
from tests.bench import log_cost, wrk
from tests.bench.installation import Installation
from tests.bench.process import SERVER, started
from tests.bench.report import Rounds, Section

ROUNDS, SECONDS, CONNECTIONS = 9, 2, 16


def measure(installation: Installation) -> Section:
    body = installation.golden_body()
    folder = installation.package
    results: dict[str, list[wrk.Result]] = {"server": [], "logging": [], "everything": [], "empty": []}
    nothing = [sys.executable, "-m", "tests.bench.empty"]
    where = "v2/models/flight_delay/infer"
    for number in range(ROUNDS):  # other processes each time: where one's memory lies is worth several percent
        with (
            tempfile.TemporaryDirectory() as logs_folder,
            started(SERVER, "/ping", MODEL_URI=str(folder)) as (ours, _),
            started(SERVER, "/ping", MODEL_URI=str(folder), INTERMODAL_PREDICTIONS=f"file://{logs_folder}") as (
                logs,
                _,
            ),
            started(
                *(SERVER, "/ping"),
                **{"MODEL_URI": str(folder), "INTERMODAL_PREDICTIONS": f"file://{logs_folder}", **log_cost.EVERYTHING},
            ) as (whole, _),
            started(nothing, "/") as (empty, _),
        ):
            urls = [f"{ours}/{where}", f"{logs}/{where}", f"{whole}/{where}", f"{empty}/"]
            turns = list(zip(results, urls, strict=True))
            first = number % len(turns)
            for name, url in turns[first:] + turns[:first]:
                results[name].append(wrk.run(url, body, CONNECTIONS, SECONDS))
    bare, plane = _calls(folder, body)
    calls = {"data plane without HTTP": plane, "bare model call": bare}
    rows = [
        ["server", *_cells(results["server"])],
        ["server with the prediction log", *_cells(results["logging"])],
        ["server, every request in the prediction log", *_cells(results["everything"])],
        ["empty server", *_cells(results["empty"])],
        *([name, f"{1000 / p50:.0f}", f"{p50:.3f}", f"{p99:.3f}", ""] for name, (p50, p99) in calls.items()),
    ]
    text = (
        f"One row of flight_delay as a V2 body, one worker, {CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS} s "
        "in turn, with fresh processes, validation, metrics and limits on. The bare call is `booster.predict` "
        f"on a ready matrix, in one thread. {log_cost.measure(folder, where, body)}"
    )
    return Section("Serving", text, ["what", "requests/s", "p50 ms", "p99 ms", "failed"], rows, wrk.version())


def _cells(results: list[wrk.Result]) -> list[object]:
    return [
        Rounds([result.requests_per_second for result in results]),
        Rounds([result.p50_ms for result in results]),
        Rounds([result.p99_ms for result in results]),
        sum(result.bad for result in results),
    ]


def _calls(folder: Path, body: bytes) -> tuple[tuple[float, float], tuple[float, float]]:
    """Milliseconds of the bare booster, and of the data plane without HTTP: median and p99."""
    import lightgbm
    import numpy as np

    package = Package.read(folder)
    plane = open_plane(package, folder, "0.0.0")
    booster = lightgbm.Booster(model_file=str(folder / package.file))
    matrix = np.zeros((1, len(package.signature.inputs)))
    bare = quantiles_ms(lambda: booster.predict(matrix, num_threads=1))
    return bare, quantiles_ms(lambda: plane.plain_rows(body))


def quantiles_ms(call: Callable[[], object], times: int = 2000) -> tuple[float, float]:
    """Milliseconds of one call: median and p99."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000, statistics.quantiles(taken, n=100)[98] * 1000
