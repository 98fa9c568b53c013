"""Processes of the packaged server. A record of each finds it again from another process."""

import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from intermodal.resources.polling import poll

INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "TMPDIR")
STOP_SECONDS = 12
"""The packaged server drains for 8 s after SIGTERM and stores its prediction log by 9.5 s."""
PAUSE_SECONDS = 0.05
READY = "ready"


@dataclass(frozen=True)
class Server:
    """``created`` is its start (Unix seconds), which tells it from a later process with the same pid. ``root`` is its own
    folder."""

    fingerprint: str
    tags: Mapping[str, str]
    pid: int
    created: float
    port: int
    root: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> psutil.Process | None:
        """None when it ended."""
        try:
            process = psutil.Process(self.pid)
            running = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
            return process if running else None
        except psutil.Error:
            return None

    @property
    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/v2/health/ready", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def log_tail(self) -> str:
        log = Path(self.root).with_suffix(".log")
        lines = log.read_text("utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
        return " | ".join(lines) or "its log is empty"

    def wait(self, seconds: float) -> str:
        """Block until it is ready. Returns an empty text, or the reason why it is not."""

        def outcome() -> str | None:
            if self.process is None:
                return f"the server ended: {self.log_tail()}"
            return READY if self.ready else None

        text = poll(outcome, seconds, growth=1, first_pause=PAUSE_SECONDS)
        if text is None:
            return f"the server was not ready within {seconds:.0f} s: {self.log_tail()}"
        return "" if text == READY else text

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; its folder is deleted. Idempotent."""
        if (process := self.process) is not None:
            try:
                process.terminate()
                process.wait(STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait()
            except psutil.NoSuchProcess:
                pass
        shutil.rmtree(self.root, ignore_errors=True)
        Path(self.root).with_suffix(".log").unlink(missing_ok=True)


def start(
    folder: Path, artifacts: Path, variables: Mapping[str, str], fingerprint: str, tags: Mapping[str, str]
) -> Server:
    """A server of a copy of the artifacts, on a free port of the loopback interface. It outlives the caller."""
    root = folder / uuid.uuid4().hex
    shutil.copytree(artifacts, root / "model")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    inherited = {name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ}
    with root.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "intermodal.serving", "serve"),
                *("--root", str(root), "--host", "127.0.0.1", "--port", str(port)),
            ],
            env={**inherited, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    return Server(fingerprint, dict(tags), process.pid, created, port, str(root))
