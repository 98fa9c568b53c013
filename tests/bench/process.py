"""A server that is measured, as a process of its own."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil

from intermodal.sandbox.settings import free_port
from tests.bench.environment import variables

SERVER = [sys.executable, "-m", "intermodal.serving", "serve", "--host", "127.0.0.1", "--port"]


@contextmanager
def started(command: list[str], ready: str, **environ: str) -> Iterator[tuple[str, psutil.Process]]:
    """``command`` with a free port at its end, once it answers 200 at ``ready``: its address and its process."""
    port = free_port()
    process = subprocess.Popen([*command, str(port)], env=variables(environ), stderr=subprocess.DEVNULL)
    try:
        for _ in range(6000):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}{ready}").status_code == 200:
                    break
            time.sleep(0.01)
        else:
            raise SystemExit(f"{command} was not ready in 60 s")
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()
