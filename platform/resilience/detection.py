"""Watching: from single observations to "down" and "back", with hysteresis, so that one failed probe starts nothing."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target, parse_target

Watcher = Literal["gateway", "endpoint"]
"""Who watches: ``gateway`` sees what callers see, ``endpoint`` sends the golden row through the cloud's own client."""

UpstreamKey = tuple[str, Target]
"""A model and one of its targets."""

LONGEST_STEP_SECONDS = 60.0
"""As much time counts between two looks at most, and never less than none: a clock may jump an hour either way, and a
watcher may sleep. Twelve times the sensor's interval."""


@dataclass(frozen=True)
class DetectionPolicy:
    """How many observations, and for how many seconds, until an upstream is down or back.

    ``quorum``: whether any watcher or all of them must have seen a failure. With a tick every 5 s the defaults find an
    outage 5 to 10 s after it began and a target that is back after 10 to 15 s. When a cloud's API answers and the
    upstream still fails after ``redeploy_seconds``, the endpoint itself is taken to be lost and is deployed anew.
    """

    watchers: tuple[Watcher, ...] = ("gateway",)
    quorum: Literal["any", "all"] = "all"
    down_observations: int = 2
    down_seconds: float = 4.0
    up_observations: int = 3
    up_seconds: float = 9.0
    redeploy_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not self.watchers or not set(self.watchers) <= {"gateway", "endpoint"}:
            raise SpecError(f"Watchers are {', '.join(self.watchers) or 'none'}.", hint="Known: gateway, endpoint.")
        if self.quorum not in ("any", "all"):
            raise SpecError(f"The watchers' quorum is '{self.quorum}'.", hint="Known: any, all.")
        if self.down_observations < 1 or self.up_observations < 1:
            raise SpecError("A decision needs an observation.", hint="Give down_observations and up_observations >= 1.")


@dataclass(frozen=True)
class Streak:
    """Equal observations in a row: since when (Unix seconds), and how many."""

    since: float
    count: int

    def reached(self, count: int, seconds: float, now: float) -> bool:
        return self.count >= count and now - self.since >= seconds


@dataclass(frozen=True)
class DetectionState:
    """What is remembered between two looks: upstreams that fail, and of those with an open incident those that seem to
    be back (``returning``) and those whose cloud's API answers at least (``answering``). ``last``: the time of the last
    look."""

    failing: Mapping[UpstreamKey, Streak] = field(default_factory=dict)
    returning: Mapping[UpstreamKey, Streak] = field(default_factory=dict)
    answering: Mapping[UpstreamKey, Streak] = field(default_factory=dict)
    last: float | None = field(default=None, compare=False)

    def jump(self, now: float) -> float:
        """Seconds by which the clock moved more, or less, than counts as time between two looks."""
        step = 0.0 if self.last is None else now - self.last
        return step - min(max(step, 0.0), LONGEST_STEP_SECONDS)

    def moved(self, seconds: float) -> "DetectionState":
        """As if everything had been seen so much later."""

        def later(streaks: Mapping[UpstreamKey, Streak]) -> dict[UpstreamKey, Streak]:
            return {key: replace(streak, since=streak.since + seconds) for key, streak in streaks.items()}

        return DetectionState(later(self.failing), later(self.returning), later(self.answering), self.last)

    def to_json(self) -> str:
        def plain(streaks: Mapping[UpstreamKey, Streak]) -> dict[str, list[float]]:
            return {
                f"{model}/{target}": [streak.since, streak.count] for (model, target), streak in sorted(streaks.items())
            }

        streaks = {name: plain(getattr(self, name)) for name in ("failing", "returning", "answering")}
        return json.dumps({**streaks, "last": self.last})

    @classmethod
    def from_json(cls, text: str) -> "DetectionState":
        """Raises ValueError for anything but what ``to_json`` wrote."""

        def upstreams(streaks: Mapping[str, tuple[float, int]]) -> dict[UpstreamKey, Streak]:
            return {_key(name): Streak(float(since), int(count)) for name, (since, count) in streaks.items()}

        try:
            data = json.loads(text)
            failing, returning, answering = (upstreams(data[name]) for name in ("failing", "returning", "answering"))
            last = data.get("last")  # a cursor of an earlier release has none
            return cls(failing, returning, answering, None if last is None else float(last))
        except (AttributeError, KeyError, TypeError, SpecError) as error:
            raise ValueError(f"not a watcher's memory: {error!r}") from error


@dataclass(frozen=True)
class Detection:
    """What one look gave. ``down``: upstream → onset, for which something must be done; ``back``: upstreams of open
    incidents whose recovery may be tried. Both are reported at every look until they are acted on."""

    watch: DetectionState
    down: Mapping[UpstreamKey, float]
    back: frozenset[UpstreamKey]


def agreed(policy: DetectionPolicy, votes: Collection[bool | None]) -> bool | None:
    """Whether an upstream can serve, by what its watchers saw; None (saw nothing) does not vote."""
    cast = [vote for vote in votes if vote is not None]
    if not cast:
        return None
    return any(cast) if policy.quorum == "all" else all(cast)


def look(
    watch: DetectionState,
    policy: DetectionPolicy,
    now: float,
    serves: Mapping[UpstreamKey, bool | None],
    handled: Collection[UpstreamKey] = (),
    answers: Mapping[UpstreamKey, bool] | None = None,
) -> Detection:
    """Add one observation of every upstream. ``serves``: can it serve (None: not observed, which changes nothing).

    ``handled`` are upstreams that need not be named as down again. ``answers`` has the upstreams of open incidents:
    whether their cloud's API takes a call. Such an upstream is back when the API answers and none says that it cannot
    serve (there is none where a deploy left it out of the route).
    """
    answers, watch = answers or {}, watch.moved(watch.jump(now))
    failing = _continued(watch.failing, {key: None if ok is None else not ok for key, ok in serves.items()}, now)
    returns = {key: ok and serves.get(key) is not False for key, ok in answers.items()}
    returning, answering = _continued(watch.returning, returns, now), _continued(watch.answering, answers, now)
    down = {
        key: streak.since
        for key, streak in failing.items()
        if key not in handled and streak.reached(policy.down_observations, policy.down_seconds, now)
    }
    back = {key for key, streak in returning.items() if streak.reached(policy.up_observations, policy.up_seconds, now)}
    lost = {key for key, streak in answering.items() if streak.reached(2, policy.redeploy_seconds, now)}
    return Detection(DetectionState(failing, returning, answering, now), down, frozenset(back | lost))


def _continued(
    before: Mapping[UpstreamKey, Streak], seen: Mapping[UpstreamKey, bool | None], now: float
) -> dict[UpstreamKey, Streak]:
    """Streaks that go on or begin; what was seen otherwise, or is no longer looked at, is forgotten."""
    found = {}
    for key, same in seen.items():
        old = before.get(key)
        if same is None and old is not None:
            found[key] = old
        elif same:
            found[key] = Streak(old.since, old.count + 1) if old is not None else Streak(now, 1)
    return found


def _key(name: str) -> UpstreamKey:
    model, _, target = name.partition("/")
    return model, parse_target(target)
