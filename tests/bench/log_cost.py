"""What the prediction log costs a server: requests/s of one process with the log off and on in turn."""

import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.bench import wrk
from tests.bench.process import started

COMMAND = [sys.executable, "-m", "tests.bench.switched", "--host", "127.0.0.1", "--port"]
PROCESSES, PAIRS, SECONDS, SETTLED, CONNECTIONS = 10, 20, 0.5, 0.1, 16


def measure(package: Path, path: str, body: bytes) -> list[list[float]]:
    """By how much the log slowed the server: a list for each process, of a share for each pair of slices."""
    return [_of_process(package, path, body) for _ in range(PROCESSES)]


def told(found: list[list[float]]) -> str:
    low, middle, high = statistics.quantiles([pair for pairs in found for pair in pairs])
    by_process = sorted(map(statistics.median, found))
    return (
        f"The prediction log, on a local folder, slows the server by {middle:.1%} (goal: less than 5 %): the median of "
        f"{PROCESSES} processes, each with its log off and on in turn for {SECONDS:g} s, {PAIRS} times (quartiles "
        f"{low:.1%} and {high:.1%}; medians of the processes {by_process[0]:.1%} to {by_process[-1]:.1%})."
    )


def _of_process(package: Path, path: str, body: bytes) -> list[float]:
    with (
        tempfile.TemporaryDirectory() as place,
        started(COMMAND, "/ping", MODEL_URI=str(package), INTERMODAL_PREDICTIONS=f"file://{place}") as (url, process),
        ThreadPoolExecutor(1) as pool,
        httpx.Client(base_url=url) as client,
    ):
        wrk.run(f"{url}/{path}", body, CONNECTIONS, 1)
        seconds = round(2 * PAIRS * (SECONDS + SETTLED) * 1.3) + 2
        load = pool.submit(wrk.run, f"{url}/{path}", body, CONNECTIONS, seconds)
        time.sleep(1)
        pairs = [_pair(client, process, first_off=number % 2 == 0) for number in range(PAIRS)]
        if load.done() or load.result().bad:
            raise SystemExit("the log's cost was not measured: the load ended too early, or requests failed")
        return pairs


def _pair(client: httpx.Client, process: psutil.Process, first_off: bool) -> float:
    rates = {}
    for on in (False, True) if first_off else (True, False):
        process.send_signal(signal.SIGUSR2 if on else signal.SIGUSR1)
        time.sleep(SETTLED)
        before, since = _answered(client), time.perf_counter()
        time.sleep(SECONDS)
        rates[on] = (_answered(client) - before) / (time.perf_counter() - since)
    return 1 - rates[True] / rates[False]


def _answered(client: httpx.Client) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(one.value for family in families for one in family.samples if one.name == "intermodal_rows_total")
