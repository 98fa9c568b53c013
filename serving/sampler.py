"""Which answered requests the prediction log takes."""

import random
from time import monotonic

PERIOD = 1.0
"""How long rows are counted before the share is set anew. In seconds."""


class Sampler:
    """A share of the requests, 0 to 1, each as likely as any other: ``sample`` while at most ``rows_per_second`` come,
    and of more so much less that about as many are taken. One busy second passes before the share follows.

    What is logged of a busy server would otherwise slow it, and fill its store with what no reader needs
    (docs/adr/0025-a-busy-server-logs-a-share.md).
    """

    def __init__(self, sample: float, rows_per_second: float) -> None:
        self.share = sample
        self._sample, self._most = sample, rows_per_second
        self._rows = 0  # by whoever calls ``takes``
        self._counted, self._since = 0, monotonic()  # by whoever calls ``adapt``

    def takes(self, rows: int) -> bool:
        """Whether a request of so many rows is in the sample."""
        self._rows += rows
        return self.share >= 1 or random.random() < self.share

    def adapt(self) -> None:
        """Set the share, when a period is over."""
        rows, now = self._rows, monotonic()
        if now - self._since < PERIOD:
            return
        a_second = (rows - self._counted) / (now - self._since)
        self.share = min(self._sample, self._most / max(1, a_second))
        self._counted, self._since = rows, now
