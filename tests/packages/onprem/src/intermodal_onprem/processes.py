"""Processes of the packaged server, with what is known of each: enough to find it again from another process."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "TMPDIR")
STOP_SECONDS = 12
"""The packaged server drains for 8 s after SIGTERM and stores its prediction log by 9.5 s."""
PAUSE = 0.05


@dataclass(frozen=True)
class Server:
    """``created`` is the moment (Unix seconds) at which the system started it: a pid that was given to another process
    since then is not taken for the server. ``root`` is a folder of its own."""

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
            same = process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
            return process if same else None
        except psutil.Error:
            return None

    @property
    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/v2/health/ready", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def last_words(self) -> str:
        log = Path(self.root).with_suffix(".log")
        lines = log.read_text("utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
        return " | ".join(lines) or "it wrote nothing"

    def wait(self, seconds: float) -> str:
        """Block until it answers: an empty text, or the reason why it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process is None:
                return f"the server ended: {self.last_words()}"
            if self.ready:
                return ""
            time.sleep(PAUSE)
        return f"the server was not ready within {seconds:.0f} s: {self.last_words()}"

    def stop(self) -> None:
        """SIGTERM, then SIGKILL, and its folder goes with it. Idempotent."""
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
    known = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with root.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "intermodal.serving", "serve"),
                *("--root", str(root), "--host", "127.0.0.1", "--port", str(port)),
            ],
            env={**known, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    return Server(fingerprint, dict(tags), process.pid, created, port, str(root))
