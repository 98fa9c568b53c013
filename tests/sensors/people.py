"""People who answer late: notices that are under way for as long as a test wants."""

from collections.abc import Callable, Collection
from threading import Event, Semaphore

from intermodal.platform.ports.notifications import Notice, Receipt


class Slow:
    """As many notices as ``allow``ed get through, the next one hangs. ``begun`` has all, ``sent`` those that did."""

    def __init__(self) -> None:
        self.begun, self.sent, self._room = list[str](), list[str](), Semaphore(0)

    def allow(self, notices: int) -> None:
        self._room.release(notices)

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:  # noqa: ARG002
        self.begun.append(notice.key)
        assert self._room.acquire(timeout=60)
        self.sent.append(notice.key)
        return Receipt(frozenset({"somebody"}))


def until(true: Callable[[], object]) -> None:
    """Waits for something that another thread does."""
    for _ in range(6000):
        if true():
            return
        Event().wait(0.01)
    raise TimeoutError
