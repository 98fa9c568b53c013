"""The sampler: which requests of a model go into the prediction log."""

import random
from time import monotonic

ADAPT_SECONDS = 1.0
"""How long rows are counted before the share is computed again."""
BURST_SECONDS = 5.0
"""How many seconds' worth of rows may be logged at once after a quiet time."""


class Sampler:
    """Takes a random share of the requests: ``sample`` (0 to 1) while at most ``rows_per_second`` arrive, and less
    above that, so that about ``rows_per_second`` are logged.

    The share follows the load with a delay of ADAPT_SECONDS; until then BURST_SECONDS limits the log. A request is
    taken whole, however many rows it has, after which nothing is taken for at most BURST_SECONDS.

    Logging everything would slow a busy server, and fill its store with more rows than any reader needs
    (docs/adr/0025-sample-the-prediction-log-under-load.md).
    """

    def __init__(self, sample: float, rows_per_second: float) -> None:
        self._sample, self._rows_per_second = sample, rows_per_second
        self.seen = self._taken = 0  # rows; written by the thread that calls ``takes``
        # The next two are written by the thread that calls ``adapt``.
        self.share, self._allowed = sample, rows_per_second * BURST_SECONDS
        self._counted, self._since = 0, monotonic()

    def takes(self, rows: int) -> bool:
        """Whether a request of so many rows is in the sample."""
        self.seen += rows
        if self._taken >= self._allowed or (self.share < 1 and random.random() >= self.share):
            return False
        self._taken += rows
        return True

    def adapt(self) -> None:
        """Compute the share again when ADAPT_SECONDS are over."""
        seen, taken, now = self.seen, self._taken, monotonic()
        seconds = now - self._since
        if seconds < ADAPT_SECONDS:
            return
        limit, burst = self._rows_per_second, self._rows_per_second * BURST_SECONDS
        self._allowed = max(min(self._allowed + limit * seconds, taken + burst), taken - burst)
        self.share = min(self._sample, limit / max(1, (seen - self._counted) / seconds))
        self._counted, self._since = seen, now
