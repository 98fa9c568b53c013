"""A peer as a process of its own, started until its first correct response."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from intermodal.sandbox.settings import free_port
from tests.bench.environment import Unfit, last_line, variables

READY_SECONDS = 60


@dataclass(frozen=True)
class Running:
    url: str
    ready: float
    process: psutil.Process

    def memory_mb(self) -> float:
        """Proportional set size of it and of what it started: pages that its workers share count once."""
        return sum(member.memory_full_info().pss for member in _family(self.process)) / 1e6


@contextmanager
def running(
    command: Sequence[str], path: str, body: bytes, expected: Sequence[float], environ: Mapping[str, str]
) -> Iterator[Running]:
    """Start on a free port and send requests until one succeeds. Unfit when it ends, is late or predicts wrongly.

    ``ready`` is seconds from the start of the process to the first right answer.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}{path}"
    with tempfile.TemporaryDirectory(prefix="intermodal-peer-") as work:
        log, began = Path(work) / "log", time.perf_counter()
        with log.open("wb") as file:
            given = {"WORK": work, "INTERMODAL_PREDICTIONS": f"file://{work}/log-objects", **environ}
            process = psutil.Popen(
                [*command, str(port)], env=variables(given), cwd=work, stdout=file, stderr=subprocess.STDOUT
            )
        try:
            answer = _first_answer(process, url, body, log)
            ready = time.perf_counter() - began
            _require_right(answer, expected)
            yield Running(url, ready, process)
        finally:
            for member in _family(process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            process.wait()


def _family(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [*process.children(recursive=True), process]
    return []


def _first_answer(process: psutil.Popen, url: str, body: bytes, log: Path) -> httpx.Response:
    deadline, state = time.perf_counter() + READY_SECONDS, "does not listen"
    with httpx.Client(headers={"content-type": "application/json"}, timeout=READY_SECONDS) as client:
        while time.perf_counter() < deadline:
            if process.poll() is not None:
                raise Unfit(f"ended: {last_line(log.read_text(errors='replace'))}")
            with contextlib.suppress(httpx.TransportError):
                answer = client.post(url, content=body)
                if answer.status_code == 200:
                    return answer
                state = f"answers {answer.status_code}: {last_line(answer.text)}"
            time.sleep(0.01)
    raise Unfit(f"not ready in {READY_SECONDS} s: {state}")


def _require_right(answer: httpx.Response, expected: Sequence[float]) -> None:
    if not expected:
        return
    found = answer.json()
    values = found["outputs"][0]["data"] if "outputs" in found else found["predictions"]
    worst = max(abs(value - golden) for value, golden in zip(values, expected, strict=True))
    if worst > 1e-6:
        raise Unfit(f"answers otherwise than the golden rows, by {worst:g}")
