"""Messages in a run's log at a fixed interval, by which a sensor distinguishes a waiting run from a dead one."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 15.0
"""Between two messages."""
SILENT_SECONDS = 60.0
"""A run without a message for this long is dead."""


@contextmanager
def heartbeat(log: logging.Logger, seconds: float = BEAT_SECONDS) -> Iterator[None]:
    """Log a message every ``seconds`` until the block ends."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(seconds):
            log.info("the run is still working")

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
