"""Figures: what an upstream or an endpoint did in a span of time, in one vocabulary for every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from intermodal.platform.targets import Target


@dataclass(frozen=True)
class Figures:
    """One model on one target, over the seconds of the query.

    ``requests`` is a rate a second. ``error_rate`` is the share of requests answered 5xx or not at all (0 to 1),
    ``throttled`` the share answered 429. The latencies are milliseconds, None without requests or where the source does
    not know. ``saturation`` is the share of capacity in use (0 to 1). ``instances`` are the healthy ones and
    ``cold_starts`` those that began in the span, which only a cloud's own monitor can see. ``version``
    is empty where the source does not know it; ``source`` names it: ``prometheus``, ``gateway``, ``cloudwatch``,
    ``cloud-monitoring`` or ``azure-monitor``.
    """

    source: str
    model: str
    target: Target
    version: str = ""
    requests: float = 0.0
    error_rate: float = 0.0
    throttled: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    saturation: float | None = None
    instances: int | None = None
    cold_starts: int | None = None


class Metrics(Protocol):
    """A source of figures. Errors: Unavailable, Refused."""

    @property
    def source(self) -> str:
        """``prometheus``, ``gateway``, ``cloudwatch``, ``cloud-monitoring`` or ``azure-monitor``."""

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What happened in the last ``seconds``, a row for each model, target and version; one model's when named."""


class Gauges(Protocol):
    """Where numbers of Intermodal's own go, for dashboards and alerts (drift, budgets, heartbeats)."""

    def push(self, group: str, gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> None:
        """Replace everything of ``group`` with these (name, labels, value). Unavailable when they cannot be sent."""
