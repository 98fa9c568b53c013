"""Watching: from single observations to "down" and "back", with hysteresis, so that one failed probe starts nothing."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Cloud, parse_cloud

Watcher = Literal["gateway", "endpoint"]
"""Who watches: ``gateway`` sees what callers see, ``endpoint`` sends the golden row through the cloud's own client."""

Lane = tuple[str, Cloud]
"""A model's path to one cloud."""


@dataclass(frozen=True)
class WatchPolicy:
    """How many observations, and for how many seconds, until a lane is down or back.

    ``quorum``: whether any watcher or all of them must have seen a failure. With a tick every 5 s the defaults find an
    outage 5 to 10 s after it began and a cloud that is back after 10 to 15 s. When a cloud's API answers and the lane
    still fails after ``redeploy_seconds``, the endpoint itself is taken to be lost and is deployed anew.
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
class Watch:
    """What is remembered between two looks: lanes that fail, and of lanes with an open incident those that seem to be
    back (``returning``) and those whose cloud's API answers at least (``answering``)."""

    failing: Mapping[Lane, Streak] = field(default_factory=dict)
    returning: Mapping[Lane, Streak] = field(default_factory=dict)
    answering: Mapping[Lane, Streak] = field(default_factory=dict)

    def to_json(self) -> str:
        def plain(streaks: Mapping[Lane, Streak]) -> dict[str, list[float]]:
            return {f"{model}/{cloud}": [one.since, one.count] for (model, cloud), one in sorted(streaks.items())}

        return json.dumps({name: plain(getattr(self, name)) for name in ("failing", "returning", "answering")})

    @classmethod
    def from_json(cls, text: str) -> "Watch":
        """Raises ValueError for anything but what ``to_json`` wrote."""

        def lanes(streaks: Mapping[str, tuple[float, int]]) -> dict[Lane, Streak]:
            return {_lane(name): Streak(float(since), int(count)) for name, (since, count) in streaks.items()}

        try:
            data = json.loads(text)
            return cls(lanes(data["failing"]), lanes(data["returning"]), lanes(data["answering"]))
        except (AttributeError, KeyError, TypeError, SpecError) as error:
            raise ValueError(f"not a watcher's memory: {error!r}") from error


@dataclass(frozen=True)
class Seen:
    """What one look gave. ``down``: lane → onset, for which something must be done; ``back``: lanes of open incidents
    whose recovery may be tried. Both go on being named until somebody has acted."""

    watch: Watch
    down: Mapping[Lane, float]
    back: frozenset[Lane]


def agreed(policy: WatchPolicy, votes: Collection[bool | None]) -> bool | None:
    """Whether a lane can serve, of what its watchers saw; None (saw nothing) does not vote."""
    cast = [vote for vote in votes if vote is not None]
    if not cast:
        return None
    return any(cast) if policy.quorum == "all" else all(cast)


def look(
    watch: Watch,
    policy: WatchPolicy,
    now: float,
    serves: Mapping[Lane, bool | None],
    handled: Collection[Lane] = (),
    answers: Mapping[Lane, bool] | None = None,
) -> Seen:
    """Add one observation of every lane. ``serves``: can it serve (None: nobody looked, which changes nothing).

    ``handled`` are lanes that need not be named as down again. ``answers`` has the lanes of open incidents: whether
    their cloud's API takes a call. Such a lane is back when the API answers and nobody saw that it cannot serve (nobody
    can where a deploy left it out of the route).
    """
    answers = answers or {}
    failing = _continued(watch.failing, {lane: None if ok is None else not ok for lane, ok in serves.items()}, now)
    returns = {lane: ok and serves.get(lane) is not False for lane, ok in answers.items()}
    returning, answering = _continued(watch.returning, returns, now), _continued(watch.answering, answers, now)
    down = {
        lane: streak.since
        for lane, streak in failing.items()
        if lane not in handled and streak.reached(policy.down_observations, policy.down_seconds, now)
    }
    back = {lane for lane, one in returning.items() if one.reached(policy.up_observations, policy.up_seconds, now)}
    lost = {lane for lane, one in answering.items() if one.reached(2, policy.redeploy_seconds, now)}
    return Seen(Watch(failing, returning, answering), down, frozenset(back | lost))


def _continued(before: Mapping[Lane, Streak], seen: Mapping[Lane, bool | None], now: float) -> dict[Lane, Streak]:
    """Streaks that go on or begin; what was seen otherwise, or is no longer looked at, is forgotten."""
    found = {}
    for lane, same in seen.items():
        old = before.get(lane)
        if same is None and old is not None:
            found[lane] = old
        elif same:
            found[lane] = Streak(old.since, old.count + 1) if old is not None else Streak(now, 1)
    return found


def _lane(name: str) -> Lane:
    model, _, cloud = name.rpartition("/")
    return model, parse_cloud(cloud)
