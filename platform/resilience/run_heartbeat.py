"""A sign of life in a run's log, so that a sensor can tell a run that waits for a cloud from a dead one."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 15.0
SILENT_SECONDS = 60.0
"""A run that has said nothing for so long is dead."""


@contextmanager
def heartbeat(log: logging.Logger, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds):
            log.info("still at work")

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
