"""What follows from drift: train again, wait, or ask people. Never a loop."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from intermodal.platform.spec import DriftPolicy

DAY = 24 * 3600.0
RETRY_SECONDS = 3600.0
"""After a retraining that crashed: what it needed (the registry, a disk) may be there again."""
AGAIN = "-again"
KEY = re.compile(rf".+-\d+({AGAIN})?")
"""Of a decision to retrain: the version, when its drift was first measured (Unix seconds), and whether it is tried once
more."""


@dataclass(frozen=True)
class Observed:
    """What is known now of a model. ``drifted`` is None when too few rows were seen to say.

    ``newest`` is the newest month of features, ``held_out`` the month that the version was judged on; ``training`` says
    whether a retraining runs. ``at`` is when drift was measured, ``crashed_at`` when the last retraining failed (None
    when it ended otherwise, also when its gates refused the model), both in Unix seconds. ``champion`` is the one
    that is to be served, or measured, in place of this version; empty: it is this version.
    """

    version: str
    drifted: bool | None
    at: float
    newest: str = ""
    held_out: str = ""
    training: bool = False
    crashed_at: float | None = None
    champion: str = ""


@dataclass(frozen=True)
class Memory:
    """What is remembered between two looks. ``retrained_from`` is the version whose drift began the last retraining,
    ``good`` whether the version was ever seen without drift, ``notified`` the last event that people were notified of,
    which ends the look-ups, and ``retried`` the event whose retraining crashed and was tried once more."""

    version: str = ""
    since: float | None = None
    good: bool = False
    retrained_from: str = ""
    retrained_at: tuple[float, ...] = ()
    notified: str = ""
    retried: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Memory":
        """ValueError, TypeError or AttributeError when ``to_dict`` cannot have given this."""
        since, at = data.get("since"), tuple(float(each) for each in data.get("retrained_at", ()))
        return cls(**{**data, "since": None if since is None else float(since), "retrained_at": at})

    def to_dict(self) -> dict[str, Any]:
        """Only what differs from nothing, since the memories of all models make one cursor."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Memory(), name)}


@dataclass(frozen=True)
class Decision:
    """``key`` names the event: whoever acts on it does so once for each key."""

    action: Literal["nothing", "retrain", "wait", "ask people"]
    key: str = ""
    reason: str = ""


def recalled(asked: Iterable[tuple[float, str]]) -> Memory:
    """The memory of a model of which nothing is known but its retrainings: when each was asked for (Unix seconds) and
    the key of its decision; what is no such key is passed over.

    Whether the version was good meanwhile is forgotten, and taken for no: rather people are asked than trained again.
    """
    first = dict[str, float]()  # somebody may have run one of them again by hand
    for at, key in sorted(asked):
        if KEY.fullmatch(key):
            first.setdefault(key, at)
    events = {key.removesuffix(AGAIN): at for key, at in first.items()}  # a second try takes the place of the first
    if not events:
        return Memory()
    last = max(events, key=lambda event: events[event])
    version, _, since = last.rpartition("-")
    return Memory(
        version=version,
        since=float(since),
        retrained_from=version,
        retrained_at=tuple(sorted(events.values())),
        retried=last if f"{last}{AGAIN}" in first else "",
    )


def decide(memory: Memory, seen: Observed, policy: DriftPolicy, now: float) -> tuple[Memory, Decision]:
    """The decision, and what to remember once it was acted on.

    A version that came from a retraining and drifts without ever having been good was not cured by it: people are
    asked, and no second retraining starts. The same when a retraining gave no version that passed its gates. One that
    crashed has said nothing of the data: it is tried once more, whatever the limits, and then people are asked.

    While another version is champion and not served, one more would not help, and nobody is asked: its deployment
    failed, and the sensor ``deployments`` tells people so. The onset is kept, for this version may be champion again.
    """
    if seen.version != memory.version:
        memory = replace(memory, version=seen.version, since=None, good=False)
    if seen.drifted is None:
        return memory, Decision("nothing", reason="too few rows to say")
    if not seen.drifted:
        return replace(memory, since=None, good=True, notified=""), Decision("nothing", reason="no drift")
    memory = replace(memory, since=memory.since or seen.at)
    if seen.training:
        return memory, Decision("wait", reason="a retraining runs")
    if seen.champion:
        return memory, Decision("wait", reason=f"{seen.version} has drifted, and {seen.champion} is champion now")
    if _crashed(memory, seen):
        return _again(memory, seen, now)
    if why := _hopeless(memory, seen):
        return _ask(memory, *why)
    recent = tuple(at for at in memory.retrained_at if now - at < DAY)
    if memory.retrained_at and now - memory.retrained_at[-1] < policy.cooldown_hours * 3600:
        hours = policy.cooldown_hours - (now - memory.retrained_at[-1]) / 3600
        return memory, Decision("wait", reason=f"cooling down for another {hours:.1f} h")
    if len(recent) >= policy.retrains_per_day:
        return _ask(memory, f"limit-{int(now // DAY)}", f"{len(recent)} retrainings in 24 hours are the spec's limit")
    if seen.newest <= seen.held_out:
        return _ask(memory, "no-new-data", f"there is no data newer than {seen.held_out[:7]}, which it was judged on")
    key = f"{memory.version}-{int(memory.since or seen.at)}"
    # Not good any more: when the run ends and this version still serves, its gates refused the new one.
    kept = replace(memory, good=False, retrained_from=seen.version, retrained_at=(*recent, now))
    return kept, Decision("retrain", key, f"{seen.version} has drifted, and there is data up to {seen.newest[:7]}")


def _hopeless(memory: Memory, seen: Observed) -> tuple[str, str] | None:
    if not memory.retrained_from or memory.good:
        return None
    if memory.retrained_from == seen.version:
        return "not-replaced", f"{seen.version} was to be replaced, and no retrained model passed its gates"
    return "not-cured", f"{seen.version}, the retrained version, drifts as well"


def _crashed(memory: Memory, seen: Observed) -> bool:
    """Whether the retraining that was to replace this version failed; an older one's end does not count."""
    if seen.crashed_at is None or memory.retrained_from != seen.version or memory.good:
        return False
    return seen.crashed_at > max(memory.retrained_at, default=0.0)


def _again(memory: Memory, seen: Observed, now: float) -> tuple[Memory, Decision]:
    event = f"{memory.version}-{int(memory.since or 0)}"
    if memory.retried == event:
        why = f"{seen.version} was to be replaced, and its retraining failed twice: its runs say why"
        return _ask(memory, "not-trained", why)
    left = (seen.crashed_at or now) + RETRY_SECONDS - now
    if left > 0:
        return memory, Decision("wait", reason=f"the retraining failed, and is tried once more in {left / 60:.0f} min")
    kept = replace(memory, retried=event, retrained_at=(*memory.retrained_at[:-1], now))
    return kept, Decision("retrain", f"{event}{AGAIN}", f"the first retraining of {seen.version} failed")


def _ask(memory: Memory, what: str, reason: str) -> tuple[Memory, Decision]:
    # With the onset, as the key of a retraining has it: drift that went and came again is another event.
    key = f"{memory.version}-{what}-{int(memory.since or 0)}"
    if memory.notified == key:
        return memory, Decision("wait", key, f"people were asked: {reason}")
    return replace(memory, notified=key), Decision("ask people", key, reason)
