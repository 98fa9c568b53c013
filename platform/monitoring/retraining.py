"""The decision that follows from drift: retrain, wait, or notify people. Retraining never loops."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from intermodal.platform.spec import DriftPolicy

DAY_SECONDS = 24 * 3600.0
RETRY_SECONDS = 3600.0
"""Until a crashed retraining is tried again: what it lacked (the registry, disk space) may be available by then."""
RETRY_SUFFIX = "-again"
DECISION_KEY = re.compile(rf".+-\d+({RETRY_SUFFIX})?")
"""The key of a decision to retrain: the version, when its drift was first measured (Unix seconds), and RETRY_SUFFIX for
the second attempt."""


@dataclass(frozen=True)
class DriftObservation:
    """The current state of a model. ``drifted`` is None if there were too few rows to decide.

    ``measured_at`` is when drift was measured, ``crashed_at`` when the last retraining failed (None if it ended
    otherwise, also if its gates rejected the model), both in Unix seconds. ``held_out`` is the partition that the
    version was judged on, in words; ``newer``: whether there are features of a later one. ``training``: whether a
    retraining runs. ``champion`` is the version that is to replace this one; empty if this version is the champion.
    """

    version: str
    drifted: bool | None
    measured_at: float
    newer: bool = False
    held_out: str = ""
    training: bool = False
    crashed_at: float | None = None
    champion: str = ""


@dataclass(frozen=True)
class RetrainingMemory:
    """What is remembered between two decisions. ``since`` is the onset of the drift, Unix seconds. ``good``: whether
    the version was ever measured without drift. ``retrained_from`` is the version whose drift started the last
    retraining. ``notified`` is the key of the last notice, ``retried`` the event whose retraining crashed and was tried
    again."""

    version: str = ""
    since: float | None = None
    good: bool = False
    retrained_from: str = ""
    retrained_at: tuple[float, ...] = ()
    notified: str = ""
    retried: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RetrainingMemory":
        """ValueError, TypeError or AttributeError if ``to_dict`` did not write this."""
        since, retrained_at = data.get("since"), tuple(float(each) for each in data.get("retrained_at", ()))
        return cls(**{**data, "since": None if since is None else float(since), "retrained_at": retrained_at})

    def to_dict(self) -> dict[str, Any]:
        """Only fields that differ from the default, since one cursor has the memories of all models."""
        return {name: value for name, value in asdict(self).items() if value != getattr(RetrainingMemory(), name)}


@dataclass(frozen=True)
class RetrainingDecision:
    """What to do. ``key`` names the event: an action is done once for each key."""

    action: Literal["nothing", "retrain", "wait", "ask people"]
    key: str = ""
    reason: str = ""


def recalled(requested: Iterable[tuple[float, str]]) -> RetrainingMemory:
    """The memory of a model from its retrainings alone: when each was requested (Unix seconds) and the key of its
    decision. Other keys are ignored.

    Whether the version was ever good is not known, and assumed not: then people are notified instead of training again.
    """
    first = dict[str, float]()  # a person may have started the same run again
    for moment, key in sorted(requested):
        if DECISION_KEY.fullmatch(key):
            first.setdefault(key, moment)
    events = {
        key.removesuffix(RETRY_SUFFIX): moment for key, moment in first.items()
    }  # the second attempt replaces the first
    if not events:
        return RetrainingMemory()
    last = max(events, key=lambda event: events[event])
    version, _, since = last.rpartition("-")
    return RetrainingMemory(
        version=version,
        since=float(since),
        retrained_from=version,
        retrained_at=tuple(sorted(events.values())),
        retried=last if f"{last}{RETRY_SUFFIX}" in first else "",
    )


def decide(
    memory: RetrainingMemory, seen: DriftObservation, policy: DriftPolicy, now: float
) -> tuple[RetrainingMemory, RetrainingDecision]:
    """The decision, and the memory to store after acting on it.

    A retrained version that has drifted in every measurement was not improved by its retraining: people are notified,
    and no second retraining starts. The same holds if a retraining made no version that passed its gates. A retraining
    that crashed says nothing about the data: it is tried once more, regardless of the limits, then people are notified.

    While another version is champion but not served, a retraining would not help: its deployment failed, and the sensor
    ``deployments`` notifies people of that. The onset is kept, since this version may become champion again.
    """
    if seen.version != memory.version:
        memory = replace(memory, version=seen.version, since=None, good=False)
    if seen.drifted is None:
        return memory, RetrainingDecision("nothing", reason="too few rows to decide")
    if not seen.drifted:
        return replace(memory, since=None, good=True, notified=""), RetrainingDecision("nothing", reason="no drift")
    memory = replace(memory, since=memory.since or seen.measured_at)
    if seen.training:
        return memory, RetrainingDecision("wait", reason="a retraining runs")
    if seen.champion:
        return memory, RetrainingDecision(
            "wait", reason=f"{seen.version} has drifted, and {seen.champion} is champion now"
        )
    if _crashed(memory, seen):
        return _retry(memory, seen, now)
    if why := _why_not_again(memory, seen):
        return _ask(memory, *why)
    recent = tuple(moment for moment in memory.retrained_at if now - moment < DAY_SECONDS)
    if memory.retrained_at and now - memory.retrained_at[-1] < policy.cooldown_hours * 3600:
        hours = policy.cooldown_hours - (now - memory.retrained_at[-1]) / 3600
        return memory, RetrainingDecision("wait", reason=f"cooling down for another {hours:.1f} h")
    if len(recent) >= policy.retrains_per_day:
        return _ask(
            memory, f"limit-{int(now // DAY_SECONDS)}", f"{len(recent)} retrainings in 24 hours are the spec's limit"
        )
    if not seen.newer:
        return _ask(memory, "no-new-data", f"there is no data newer than {seen.held_out}, which it was judged on")
    key = f"{memory.version}-{int(memory.since or seen.measured_at)}"
    # Reset ``good``: if this version still serves when the run ends, the gates have rejected the new one.
    kept = replace(memory, good=False, retrained_from=seen.version, retrained_at=(*recent, now))
    return kept, RetrainingDecision(
        "retrain", key, f"{seen.version} has drifted, and there is data newer than {seen.held_out}"
    )


def _why_not_again(memory: RetrainingMemory, seen: DriftObservation) -> tuple[str, str] | None:
    if not memory.retrained_from or memory.good:
        return None
    if memory.retrained_from == seen.version:
        return "not-replaced", f"{seen.version} was to be replaced, and no retrained model passed its gates"
    return "not-cured", f"{seen.version}, the retrained version, drifts as well"


def _crashed(memory: RetrainingMemory, seen: DriftObservation) -> bool:
    """Whether the retraining that was to replace this version failed. The end of an older one does not count."""
    if seen.crashed_at is None or memory.retrained_from != seen.version or memory.good:
        return False
    return seen.crashed_at > max(memory.retrained_at, default=0.0)


def _retry(memory: RetrainingMemory, seen: DriftObservation, now: float) -> tuple[RetrainingMemory, RetrainingDecision]:
    event = f"{memory.version}-{int(memory.since or 0)}"
    if memory.retried == event:
        why = f"{seen.version} was to be replaced, and its retraining failed twice; see its runs"
        return _ask(memory, "not-trained", why)
    left = (seen.crashed_at or now) + RETRY_SECONDS - now
    if left > 0:
        return memory, RetrainingDecision(
            "wait", reason=f"the retraining failed, and is tried once more in {left / 60:.0f} min"
        )
    kept = replace(memory, retried=event, retrained_at=(*memory.retrained_at[:-1], now))
    return kept, RetrainingDecision(
        "retrain", f"{event}{RETRY_SUFFIX}", f"the first retraining of {seen.version} failed"
    )


def _ask(memory: RetrainingMemory, what: str, reason: str) -> tuple[RetrainingMemory, RetrainingDecision]:
    # The onset is part of the key, as in that of a retraining: drift that begins again is another event.
    key = f"{memory.version}-{what}-{int(memory.since or 0)}"
    if memory.notified == key:
        return memory, RetrainingDecision("wait", key, f"people were notified: {reason}")
    return replace(memory, notified=key), RetrainingDecision("ask people", key, reason)
