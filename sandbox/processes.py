"""Programs in the background, each its own process group, found again by later commands through a record on disk."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from intermodal.platform.errors import IntermodalError

STOP_SECONDS = 10.0
CLOCK_SECONDS = 5.0
"""psutil adds the time when the machine began, which the kernel rounds anew and corrections of the clock move."""


@dataclass(frozen=True)
class Record:
    """What is remembered of a started program. ``created`` tells it from a later process with the same id."""

    pid: int
    created: float


class Programs:
    """The programs of one INTERMODAL_HOME: records in ``run/``, output in ``logs/``."""

    def __init__(self, home: Path) -> None:
        self.run, self.logs = home / "run", home / "logs"

    def start(self, name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path | None = None) -> None:
        """Start in a session of its own, so that the whole group can be ended at once. Does nothing if it runs."""
        if self.running(name):
            return
        self.stop(name)
        self.run.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                command,
                env=dict(environ),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        record = Record(process.pid, psutil.Process(process.pid).create_time())
        self._path(name).write_text(json.dumps(asdict(record)), encoding="utf-8")

    def stop(self, name: str, *, kill: bool = False) -> None:
        """End the whole group; with ``kill`` by SIGKILL. Idempotent."""
        record = self._record(name)
        if record is None:
            return
        members = group_members(record)
        for process in members:
            _signal(process, signal.SIGKILL if kill else signal.SIGTERM)
        _, left = psutil.wait_procs(members, timeout=STOP_SECONDS)
        for process in [*left, *group_members(record)]:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(left, timeout=STOP_SECONDS)
        if self._record(name) == record:  # else another command started it again meanwhile
            self._path(name).unlink(missing_ok=True)

    def running(self, name: str) -> bool:
        record = self._record(name)
        return record is not None and _leader(record) is not None

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.run.glob("*.json")) if self.run.exists() else []

    def wait(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Block until ``ready()``; raise with the end of the log when the program dies or time runs out."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running(name):
                raise IntermodalError(f"{name} ended while starting.", hint=self._tail(name))
            if time.monotonic() > deadline:
                raise IntermodalError(f"{name} was not ready within {seconds:.0f} s.", hint=self._tail(name))
            time.sleep(0.05)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _path(self, name: str) -> Path:
        return self.run / f"{name}.json"

    def _record(self, name: str) -> Record | None:
        try:
            return Record(**json.loads(self._path(name).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _tail(self, name: str) -> str:
        path = self.log(name)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:] if path.exists() else []
        return f"The end of {path}:\n" + "\n".join(lines)


def _leader(record: Record) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < CLOCK_SECONDS and process.status() != psutil.STATUS_ZOMBIE
        return process if same else None
    except psutil.NoSuchProcess:
        return None


def group_members(record: Record) -> list[psutil.Process]:
    """Everything alive in the program's process group, also when its first process is gone.

    Without a leader, only processes that started after it can belong: a new group may have got the same id.
    """
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) != record.pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.create_time() >= record.created - CLOCK_SECONDS:
                members.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            continue
    return members


def _signal(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
