"""How long to wait before the next try: doubled each time up to a limit."""


class BackOff:
    """The first try after a failure is at once, then after ``initial``; ``first`` waits already before that."""

    def __init__(self, initial: float, limit: float, first: float = 0.0) -> None:
        self._initial, self._limit, self._next = initial or first, limit, first

    def next(self) -> float:
        wait, self._next = self._next, min(self._next * 2 or self._initial, self._limit)
        return wait
