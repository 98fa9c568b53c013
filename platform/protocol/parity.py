"""Parity: golden rows have the same predictions on every target."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

ABSOLUTE, RELATIVE = 1e-6, 1e-5
"""Two endpoints may differ by ABSOLUTE + RELATIVE x |expected|, as in ``numpy.isclose``. Each endpoint may differ from
the expected prediction by half of it, so that no two endpoints differ by more.

Probabilities lie between 0 and 1, so ABSOLUTE decides for small ones, and no two differ by more than 1.1e-5.
Predictions of a regression have the scale of its target, so RELATIVE decides: float64 keeps 16 digits and float32 keeps
7, whatever the scale is, and the order of a sum changes the last of them."""

RULE = f"{ABSOLUTE:g} + {RELATIVE:g} x |expected|"


@dataclass(frozen=True)
class Deviation:
    """The difference of one prediction from the expected one, and the largest that is allowed there."""

    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        return self.difference <= self.allowed

    def __str__(self) -> str:
        return f"{self.difference:.2g}, allowed is {self.allowed:.2g}"


def allowed(expected: float) -> float:
    """How far an endpoint's prediction may be from this expected one."""
    return (ABSOLUTE + RELATIVE * abs(expected)) / 2


def worst(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> Deviation:
    """The deviation that exceeds its limit most; an infinite one when shapes differ or anything is not a number."""
    if [len(row) for row in expected] != [len(row) for row in actual]:
        return Deviation(float("inf"), allowed(0))
    deviations = [
        Deviation(abs(a - b), allowed(a)) if isfinite(a) and isfinite(b) else Deviation(float("inf"), allowed(0))
        for row_a, row_b in zip(expected, actual, strict=True)
        for a, b in zip(row_a, row_b, strict=True)
    ]
    return max(deviations, key=lambda found: found.difference / found.allowed, default=Deviation(0.0, allowed(0)))


def holds(expected: Sequence[Sequence[float]], actual: Sequence[Sequence[float]]) -> bool:
    return worst(expected, actual).holds
