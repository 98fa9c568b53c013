"""Several programs started at once: how long each took, and how much memory all of them needed."""

import re
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.environment import Unfit, last_line, variables

LIMIT = 300
"""Seconds after which a peer is stopped and reported as too slow."""
LOOK = 0.05


@dataclass(frozen=True)
class Usage:
    """Wall seconds of each program that did it, what went wrong with the others, what they wrote, and the sum of every
    process's highest resident memory."""

    seconds: Mapping[str, float]
    failed: Mapping[str, str]
    output: Mapping[str, str]
    peak_mb: float


def run(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str], folder: Path) -> Usage:
    """All at once; Unfit when none of them does it in time."""
    missing = {name: f"{command[0]} is not installed" for name, command in commands.items() if not _there(command)}
    commands = {name: command for name, command in commands.items() if name not in missing}
    started, ended, peaks = time.perf_counter(), dict[str, float](), dict[tuple[int, float], int]()
    files = {name: (folder / f"{name}.out", folder / f"{name}.err") for name in commands}
    running = {}
    for name, command in commands.items():
        with files[name][0].open("wb") as out, files[name][1].open("wb") as err:
            running[name] = psutil.Popen(command, cwd=folder, env=variables(environ), stdout=out, stderr=err)

    def wait(name: str) -> None:
        running[name].wait()
        ended[name] = time.perf_counter() - started

    waiting = [threading.Thread(target=wait, args=(name,)) for name in running]
    for thread in waiting:
        thread.start()
    while any(thread.is_alive() for thread in waiting):
        for process in running.values():
            _look(process, peaks)
            if time.perf_counter() - started > LIMIT:
                _kill(process)
        for thread in waiting:
            thread.join(LOOK / len(waiting))
    output = {name: "\n".join(file.read_text(errors="replace") for file in files[name]) for name in commands}
    failed = missing | {
        name: f"did not end in {LIMIT} s" if ended[name] > LIMIT else last_line(output[name])
        for name, process in running.items()
        if process.returncode
    }
    if not running or len(failed) == len(missing) + len(running):
        raise Unfit("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
    seconds = {name: took for name, took in ended.items() if name not in failed}
    return Usage(seconds, failed, {name: files[name][0].read_text() for name in commands}, sum(peaks.values()) / 1e6)


def _there(command: Sequence[str]) -> bool:
    return shutil.which(command[0]) is not None


def _look(process: psutil.Popen, peaks: dict[tuple[int, float], int]) -> None:
    """VmHWM of the process and those it started; getrusage would count ours from before exec as well."""
    try:
        for member in [process, *process.children(recursive=True)]:
            status = Path(f"/proc/{member.pid}/status").read_text()
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                key = (member.pid, member.create_time())
                peaks[key] = max(peaks.get(key, 0), int(found[1]) * 1024)
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return  # it ended while we looked


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):  # it may end just now
        for member in [*process.children(recursive=True), process]:
            member.kill()
