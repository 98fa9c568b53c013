"""Damping: a target that fails again and again returns later and later, so that traffic does not swing with it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.detection import Detection, DetectionPolicy, UpstreamKey
from intermodal.platform.targets import Target

DAMPED_SECONDS = 3600.0
"""Failures of the last hour count."""
GROWTH = 4
"""So much longer must a target serve after each failure: with 9 s at first 36, 144, 576 and 2,304 s. They fill an hour
after five returns, which bounds the moves of a target in an hour whatever it does."""
LONGEST_HOLD_SECONDS = 3600.0


def failures_within(incidents: Iterable[Incident], target: Target, now: float) -> int:
    """How often the target of these incidents' model failed within ``DAMPED_SECONDS``, also during its recoveries."""
    count = 0
    for incident in incidents:
        if incident.target == target:
            again = [
                entry.time for entry in incident.entries if entry.step == "note" and entry.key.startswith("again-")
            ]
            count += sum(abs(now - time) <= DAMPED_SECONDS for time in (incident.opened_at, *again))
    return count


def hold_seconds(policy: DetectionPolicy, failures: int) -> float:
    """How long a target must be seen to be back, by its failures lately; the policy's own time after the first."""
    growth = float(GROWTH) ** min(max(failures - 1, 0), 10)
    return max(policy.up_seconds, min(policy.up_seconds * growth, LONGEST_HOLD_SECONDS))


def damped(seen: Detection, policy: DetectionPolicy, now: float, failures: Mapping[UpstreamKey, int]) -> Detection:
    """The look without the recoveries that are too early for a target that failed so often."""

    def held(key: UpstreamKey) -> bool:
        streak = seen.watch.returning.get(key) or seen.watch.answering.get(key)
        return streak is not None and now - streak.since >= hold_seconds(policy, failures.get(key, 0))

    return replace(seen, back=frozenset(key for key in seen.back if held(key)))
