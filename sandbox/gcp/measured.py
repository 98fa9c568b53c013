"""What the serving platforms measure for Cloud Monitoring: their metrics, and a source of series for each platform."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Value = int | list[float]
"""A number, or the population of a distribution."""


@dataclass(frozen=True)
class Metric:
    """``kind`` is DELTA or GAUGE, ``value`` INT64 or DISTRIBUTION. ``unit`` is empty where it is not stated."""

    kind: str
    value: str
    unit: str = ""


@dataclass(frozen=True)
class Series:
    """``read(start, end)``: a DELTA's sum in the span, a GAUGE's value at its end, None for no point."""

    metric: Mapping[str, str]
    resource: Mapping[str, str]
    read: Callable[[float, float], Value | None]


class Source(Protocol):
    """One platform's metrics by their full names, of its resource type with these ``labels``."""

    @property
    def metrics(self) -> Mapping[str, Metric]: ...

    @property
    def resource(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def series(self, metric: str) -> Sequence[Series]:
        """One for each combination of labels that has a point."""
