"""Parity: the same golden rows give the same predictions on every target."""

from collections.abc import Sequence

TOLERANCE = 1e-6
"""How far two endpoints may be apart. Each is held to half of it against the same expected predictions, so that no two
endpoints can differ by more."""


def largest_difference(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> float:
    """The largest absolute difference; infinity when shapes differ or anything is not a number."""
    if [len(row) for row in expected] != [len(row) for row in actual]:
        return float("inf")
    differences = [
        abs(a - b) for one, other in zip(expected, actual, strict=True) for a, b in zip(one, other, strict=True)
    ]
    return max((d if d == d else float("inf") for d in differences), default=0.0)


def holds(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> bool:
    return largest_difference(expected, actual) <= TOLERANCE / 2
