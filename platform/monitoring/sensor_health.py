"""Dead automation: a sensor that stopped ticking while others go on, or that ticks and fails.

The caller is a sensor itself, so nothing here notices that all of them stopped; for that, Prometheus compares the
gauge of the last heartbeat with the clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

NOTIFIED_FAILURES = 3
"""People are notified of so many failed ticks in a row."""

Trouble = Literal["silent", "failing"]


def allowed_silence(interval: float) -> float:
    """Seconds between ticks that are still usual: three intervals, and as long as a daemon that is busy may take (a
    tick may take 60 s, and Dagster evaluates few at once)."""
    return 3 * interval + 120


@dataclass(frozen=True)
class Beat:
    """One sensor that should run. ``last`` is its last tick or start (Unix seconds; None: never), ``interval`` the
    seconds between two ticks, ``failures`` how many of the last ticks failed, one after the other."""

    name: str
    interval: float
    last: float | None
    failures: int = 0


@dataclass(frozen=True)
class SensorHealthState:
    """What is remembered between ticks. ``ticked_at`` is the last tick of the checking sensor, ``since`` its first tick
    after the last gap: during a gap the daemon was down and no sensor ticked. ``seen`` is when a sensor that never
    ticked was first seen, ``onsets`` since when ``<sensor> is <trouble>``, ``due`` up to which of its times each cron
    schedule was checked. Times are Unix seconds."""

    ticked_at: float = 0.0
    since: float = 0.0
    seen: Mapping[str, float] = field(default_factory=dict)
    onsets: Mapping[str, float] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SensorHealthState":
        times = ({str(k): float(v) for k, v in data[name].items()} for name in ("seen", "onsets", "due"))
        return cls(float(data["ticked_at"]), float(data["since"]), *times)

    def resumed(self, now: float, interval: float) -> "SensorHealthState":
        """The state at the beginning of a tick. After a gap, in which the daemon was down, ``since`` starts anew."""
        unbroken = 0 <= now - self.ticked_at <= allowed_silence(interval)
        return SensorHealthState(now, self.since if unbroken else now, self.seen, self.onsets, self.due)


def examine(
    state: SensorHealthState, beats: Sequence[Beat], now: float
) -> tuple[SensorHealthState, Mapping[str, Trouble]]:
    """The troubled sensors, and what to remember: a trouble that ends and begins again has another onset."""
    seen = {beat.name: state.seen.get(beat.name, now) for beat in beats if beat.last is None}
    found, onsets = dict[str, Trouble](), dict[str, float]()
    for beat in beats:
        last_sign = max(state.since, seen.get(beat.name, 0.0) if beat.last is None else beat.last)
        if now - last_sign > allowed_silence(beat.interval):
            found[beat.name] = "silent"
        elif beat.failures >= NOTIFIED_FAILURES:
            found[beat.name] = "failing"
        if beat.name in found:
            trouble = f"{beat.name} is {found[beat.name]}"
            onsets[trouble] = state.onsets.get(trouble, last_sign)
    return SensorHealthState(state.ticked_at, state.since, seen, onsets, state.due), found
