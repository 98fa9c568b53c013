"""Dead automation: a sensor that stopped ticking while others go on, or that ticks and fails.

Whoever asks is a sensor itself, so nothing here notices that all of them stopped; for that, Prometheus compares the
gauge of the last heartbeat with the clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FAILURES = 3
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
class Watch:
    """What is remembered. ``at`` is our own last tick and ``since`` the first one without a gap between: before that,
    nobody ticked and nobody is to blame. ``seen`` is when a sensor that never ticked was first seen, ``onsets``
    since when ``<sensor> is <trouble>``, ``due`` up to which of its times each cron schedule was looked at. Times are
    Unix seconds."""

    at: float = 0.0
    since: float = 0.0
    seen: Mapping[str, float] = field(default_factory=dict)
    onsets: Mapping[str, float] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Watch":
        times = ({str(k): float(v) for k, v in data[name].items()} for name in ("seen", "onsets", "due"))
        return cls(float(data["at"]), float(data["since"]), *times)

    def resumed(self, now: float, interval: float) -> "Watch":
        """At the beginning of a tick; after a gap the daemon was down as a whole, and watching begins anew."""
        unbroken = 0 <= now - self.at <= allowed_silence(interval)
        return Watch(now, self.since if unbroken else now, self.seen, self.onsets, self.due)


def examine(watch: Watch, beats: Sequence[Beat], now: float) -> tuple[Watch, Mapping[str, Trouble]]:
    """What is wrong with which sensor, and what to remember: with it, what goes and comes again has another onset."""
    seen = {beat.name: watch.seen.get(beat.name, now) for beat in beats if beat.last is None}
    found, onsets = dict[str, Trouble](), dict[str, float]()
    for beat in beats:
        heard = max(watch.since, seen.get(beat.name, 0.0) if beat.last is None else beat.last)
        if now - heard > allowed_silence(beat.interval):
            found[beat.name] = "silent"
        elif beat.failures >= FAILURES:
            found[beat.name] = "failing"
        if beat.name in found:
            trouble = f"{beat.name} is {found[beat.name]}"
            onsets[trouble] = watch.onsets.get(trouble, heard)
    return Watch(watch.at, watch.since, seen, onsets, watch.due), found
