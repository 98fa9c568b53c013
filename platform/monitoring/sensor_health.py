"""Sensors that do not work: those that stopped ticking while others tick, and those whose ticks fail.

A sensor runs this check, so it cannot notice that all sensors stopped. For that, Prometheus compares the gauge of the
last heartbeat with the clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

NOTIFIED_FAILURES = 3
"""People are notified after this many failed ticks in a row."""

Trouble = Literal["silent", "failing"]


def allowed_silence(interval: float) -> float:
    """Seconds between two ticks that are not yet a fault: three intervals, and 120 s for a busy daemon (a tick may take
    60 s, and Dagster evaluates only a few concurrently)."""
    return 3 * interval + 120


@dataclass(frozen=True)
class Beat:
    """A sensor that should run. ``last`` is its last tick or start (Unix seconds; None: never), ``interval`` the
    seconds between two ticks, ``failures`` the number of consecutive failed ticks up to now."""

    name: str
    interval: float
    last: float | None
    failures: int = 0


@dataclass(frozen=True)
class SensorHealthState:
    """What is remembered between ticks. ``ticked_at`` is the last tick of the checking sensor, ``since`` its first tick
    after the last gap: during a gap the daemon was down and no sensor ticked. ``seen`` is when a sensor that never
    ticked was first seen, ``told`` the troubles that people were notified of, ``due`` up to which of its times each
    cron schedule was checked. Times are Unix seconds."""

    ticked_at: float = 0.0
    since: float = 0.0
    seen: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SensorHealthState":
        seen, due = ({str(k): float(v) for k, v in data[name].items()} for name in ("seen", "due"))
        told = {str(k): str(v) for k, v in data["told"].items()}
        return cls(float(data["ticked_at"]), float(data["since"]), seen, told, due)

    def resumed(self, now: float, interval: float) -> "SensorHealthState":
        """The state at the beginning of a tick. After a gap, in which the daemon was down, ``since`` starts anew."""
        unbroken = 0 <= now - self.ticked_at <= allowed_silence(interval)
        return SensorHealthState(now, self.since if unbroken else now, self.seen, self.told, self.due)


def examine(
    state: SensorHealthState, beats: Sequence[Beat], now: float
) -> tuple[SensorHealthState, Mapping[str, Trouble]]:
    """The troubled sensors, and what to remember. The caller adds to ``told`` what people were notified of."""
    seen = {beat.name: state.seen.get(beat.name, now) for beat in beats if beat.last is None}
    found: dict[str, Trouble] = {}
    for beat in beats:
        last_sign = max(state.since, seen.get(beat.name, 0.0) if beat.last is None else beat.last)
        if now - last_sign > allowed_silence(beat.interval):
            found[beat.name] = "silent"
        elif beat.failures >= NOTIFIED_FAILURES:
            found[beat.name] = "failing"
    told = {name: trouble for name, trouble in state.told.items() if found.get(name) == trouble}
    return SensorHealthState(state.ticked_at, state.since, seen, told, state.due), found
