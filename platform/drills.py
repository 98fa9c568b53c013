"""Drills: an outage made on purpose, at the gateway, and what was measured meanwhile."""

from dataclasses import dataclass
from typing import Literal, get_args

from intermodal.platform.clouds import Cloud
from intermodal.platform.errors import SpecError

DrillKind = Literal["outage", "brownout", "throttle", "corrupt"]
DRILL_KINDS: tuple[DrillKind, ...] = get_args(DrillKind)


@dataclass(frozen=True)
class Disturbance:
    """What the gateway does to the requests that it would send to a cloud. Percentages are of requests, 0 to 100.

    ``abort_percent`` are answered with ``abort_status`` at once, ``delay_percent`` wait ``delay_ms`` first.
    """

    abort_percent: int = 0
    abort_status: int = 503
    delay_percent: int = 0
    delay_ms: int = 0

    def __post_init__(self) -> None:
        for name in ("abort_percent", "delay_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise SpecError(f"{name} is {getattr(self, name)}.", hint="Give a percentage, 0 to 100.")


DISTURBANCES: dict[DrillKind, Disturbance] = {
    "outage": Disturbance(abort_percent=100, abort_status=503),
    "brownout": Disturbance(abort_percent=30, abort_status=503, delay_percent=50, delay_ms=2000),
    "throttle": Disturbance(abort_percent=80, abort_status=429),
}
"""``corrupt`` damages a mirror, not requests."""


@dataclass(frozen=True)
class DrillResult:
    """Seconds since the drill began; None for what did not happen. ``retried``: answers that a second cloud gave."""

    kind: DrillKind
    cloud: Cloud
    model: str
    started_at: float
    requests: int
    failed: int
    retried: int
    detected_seconds: float | None
    drained_seconds: float | None
    capacity_seconds: float | None
    restored_seconds: float | None
