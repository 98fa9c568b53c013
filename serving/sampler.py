"""Which answered requests of a model the prediction log takes."""

import random
from time import monotonic

PERIOD = 1.0
"""How long rows are counted before the share is set anew. In seconds."""
BURST = 5.0
"""So many seconds' rows may be taken at once after a quiet time."""


class Sampler:
    """A share of the requests, 0 to 1, each as likely as any other: ``sample`` while at most ``rows_per_second`` come,
    and of more so much less that about as many are taken. A busy second passes before the share follows; meanwhile
    only BURST keeps the log from more.

    What is logged of a busy server would otherwise slow it, and fill its store with what no reader needs
    (docs/adr/0025-a-busy-server-logs-a-share.md).
    """

    def __init__(self, sample: float, rows_per_second: float) -> None:
        self.share = sample
        self._sample, self._most = sample, rows_per_second
        self._left = self._most * BURST  # rows that may be taken yet
        self._seen = self._taken = 0  # rows, by whoever calls ``takes``
        self._counted, self._since = 0, monotonic()  # by whoever calls ``adapt``
        self._told = (0, 0)  # by whoever calls ``logged``

    def takes(self, rows: int) -> bool:
        """Whether a request of so many rows is in the sample."""
        self._seen += rows
        if self._left <= 0 or (self.share < 1 and random.random() >= self.share):
            return False
        self._left -= rows
        self._taken += rows
        return True

    def adapt(self) -> None:
        """Set the share, when a period is over."""
        seen, now = self._seen, monotonic()
        seconds = now - self._since
        if seconds < PERIOD:
            return
        self._left = min(self._left + self._most * seconds, self._most * BURST)
        self.share = min(self._sample, self._most / max(1, (seen - self._counted) / seconds))
        self._counted, self._since = seen, now

    def logged(self) -> float:
        """The share of rows that was taken since it was asked before, 0 to 1; 1 of none."""
        (seen, taken), now = self._told, (self._seen, self._taken)
        self._told = now
        return (now[1] - taken) / (now[0] - seen) if now[0] > seen else 1.0
