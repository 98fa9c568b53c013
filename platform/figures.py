"""Figures: what an upstream or an endpoint did in a span of time, in one vocabulary for every source."""

from dataclasses import dataclass

from intermodal.platform.clouds import Cloud


@dataclass(frozen=True)
class Figures:
    """One model on one cloud, over the seconds that were asked for.

    ``requests`` is a rate a second. ``error_rate`` is the share of requests answered 5xx or not at all (0 to 1),
    ``throttled`` the share answered 429. The latencies are milliseconds, None when nothing was asked or the source does
    not know. ``saturation`` is the share of capacity in use (0 to 1). ``instances`` are the healthy ones and
    ``cold_starts`` those that began in the span, which only a cloud's own monitor can see. ``target`` and ``version``
    are empty where the source does not know them; ``source`` names it: ``prometheus``, ``gateway``, ``cloudwatch``,
    ``cloud-monitoring`` or ``azure-monitor``.
    """

    source: str
    model: str
    cloud: Cloud
    target: str = ""
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
