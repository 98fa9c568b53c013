"""The watcher's probe of itself, beside its look at the gateway: pauses, loopback, pressure, the gateway's admin."""

import re
import socket
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from intermodal.platform.resilience.correlation import SelfView

PAUSES, PAUSE_SECONDS = 5, 0.005
"""Pauses in one probe, and how long each is: 25 ms of a tick."""
PRESSURE_FILES = {"cpu": Path("/proc/pressure/cpu"), "io": Path("/proc/pressure/io")}
SOME = re.compile(r"^some avg10=([\d.]+)", re.MULTILINE)

T = TypeVar("T")


def measured(look: Callable[[], T]) -> tuple[T, SelfView]:
    """What the look gave, and what the watcher saw of itself meanwhile. The look's own errors."""
    began = time.monotonic()
    found = look()
    admin = time.monotonic() - began
    return found, SelfView(late_seconds(), admin, pressure())


def late_seconds() -> float:
    """How late the process wakes from a pause and gets its own message back; the median, so that one hitch is none."""
    near, far = socket.socketpair()
    late = []
    with near, far:
        for _ in range(PAUSES):
            began = time.monotonic()
            time.sleep(PAUSE_SECONDS)
            near.sendall(b"?")
            far.recv(1)
            late.append(time.monotonic() - began - PAUSE_SECONDS)
    return max(0.0, statistics.median(late))


def pressure(files: Mapping[str, Path] = PRESSURE_FILES) -> dict[str, float]:
    """``some avg10`` as a share, of the resources whose file can be read: containers and old kernels have none."""
    found = {}
    for name, path in files.items():
        try:
            text = path.read_text()
        except OSError:
            continue
        if match := SOME.search(text):
            found[name] = float(match[1]) / 100
    return found
