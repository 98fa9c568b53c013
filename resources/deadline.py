"""A question with a limit: one thread asks, and whoever waits for it waits no longer than is said."""

import threading
from collections.abc import Callable


def within(seconds: float, ask: Callable[[], object]) -> bool:
    """Whether ``ask`` returned in that time. Its errors are a no, whatever they are.

    The SDKs' own limits are for each connection, each read and each token; this one is for all of it together. A thread
    that is left behind ends by those limits and keeps no process alive.
    """
    answers, ended = [False], threading.Event()

    def run() -> None:
        try:
            ask()
            answers[0] = True
        except Exception:  # noqa: BLE001 the question is whether it works, and not why it does not
            answers[0] = False
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    return ended.wait(seconds) and answers[0]
