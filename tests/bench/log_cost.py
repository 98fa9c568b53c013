"""What the prediction log costs a server: requests/s of one process with the log off and on in turn."""

import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from tests.bench import wrk
from tests.bench.process import started

COMMAND = [sys.executable, "-m", "tests.bench.switched", "--host", "127.0.0.1", "--port"]
PROCESSES, PAIRS, SECONDS, SWITCH_SECONDS, CONNECTIONS = 5, 8, 1.0, 1.5, 16
"""A switched log needs a second until it takes the share that a busy server logs (sampler.py)."""
EVERYTHING = {"INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": str(2**31)}


def measure(package: Path, path: str, body: bytes) -> str:
    """By how much the log slows the server: as the spec has it, and with every request in it."""
    usual, whole = [], []
    for _ in range(PROCESSES):
        usual.append(_of_process(package, path, body))
        whole.append(_of_process(package, path, body, EVERYTHING))
    return (
        f"The prediction log, on a local folder, slows the server by {_quartiles(usual)} by default "
        f"(a share of what is more than {ROWS_PER_SECOND} rows a second; goal: less than 5 %), and by "
        f"{_quartiles(whole)} with every request in it: medians of {PROCESSES} processes, each with its log off and on "
        f"in turn for {SECONDS:g} s, {PAIRS} times."
    )


def _quartiles(found: list[list[float]]) -> str:
    low, middle, high = statistics.quantiles([pair for pairs in found for pair in pairs])
    by_process = sorted(map(statistics.median, found))
    return f"{middle:.1%} (quartiles {low:.1%} and {high:.1%}; processes {by_process[0]:.1%} to {by_process[-1]:.1%})"


def _of_process(package: Path, path: str, body: bytes, variables: Mapping[str, str] = {}) -> list[float]:
    """A share for each pair of slices."""
    with (
        tempfile.TemporaryDirectory() as folder,
        started(COMMAND, "/ping", MODEL_URI=str(package), INTERMODAL_PREDICTIONS=f"file://{folder}", **variables) as (
            url,
            process,
        ),
        ThreadPoolExecutor(1) as pool,
        httpx.Client(base_url=url) as client,
    ):
        wrk.run(f"{url}/{path}", body, CONNECTIONS, 1)
        seconds = round(2 * PAIRS * (SECONDS + SWITCH_SECONDS) * 1.15) + 2
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
        time.sleep(SWITCH_SECONDS)
        before, since = _answered(client), time.perf_counter()
        time.sleep(SECONDS)
        rates[on] = (_answered(client) - before) / (time.perf_counter() - since)
    return 1 - rates[True] / rates[False]


def _answered(client: httpx.Client) -> float:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return sum(
        sample.value for family in families for sample in family.samples if sample.name == "intermodal_rows_total"
    )
