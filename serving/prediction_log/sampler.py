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
    BURST keeps the log from more. A request is taken whole, however many rows it has, and then nothing for BURST at
    most.

    What is logged of a busy server would otherwise slow it, and fill its store with what no reader needs
    (docs/adr/0025-sample-the-prediction-log-under-load.md).
    """

    def __init__(self, sample: float, rows_per_second: float) -> None:
        self._sample, self._most = sample, rows_per_second
        self.seen = self._taken = 0  # rows, by whoever calls ``takes``
        self.share, self._allowed = sample, rows_per_second * BURST  # these by whoever calls ``adapt``
        self._counted, self._since = 0, monotonic()

    def takes(self, rows: int) -> bool:
        """Whether a request of so many rows is in the sample."""
        self.seen += rows
        if self._taken >= self._allowed or (self.share < 1 and random.random() >= self.share):
            return False
        self._taken += rows
        return True

    def adapt(self) -> None:
        """Set the share, when a period is over."""
        seen, taken, now = self.seen, self._taken, monotonic()
        seconds = now - self._since
        if seconds < PERIOD:
            return
        burst = self._most * BURST
        self._allowed = max(min(self._allowed + self._most * seconds, taken + burst), taken - burst)
        self.share = min(self._sample, self._most / max(1, (seen - self._counted) / seconds))
        self._counted, self._since = seen, now
