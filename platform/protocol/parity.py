"""Parity: golden rows have the same predictions on every target."""

from collections.abc import Sequence

TOLERANCE = 1e-6
"""The largest difference allowed between two endpoints. Each endpoint may differ from the expected predictions by half
of it, so that no two endpoints differ by more."""


def largest_difference(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> float:
    """The largest absolute difference; infinity when shapes differ or anything is not a number."""
    if [len(row) for row in expected] != [len(row) for row in actual]:
        return float("inf")
    differences = [
        abs(a - b) for row_a, row_b in zip(expected, actual, strict=True) for a, b in zip(row_a, row_b, strict=True)
    ]
    return max((d if d == d else float("inf") for d in differences), default=0.0)


def holds(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> bool:
    return largest_difference(expected, actual) <= TOLERANCE / 2
