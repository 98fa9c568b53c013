"""Overload or blindness over time: it begins at once, people are notified when it lasts, and it ends by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.resilience.correlation import OverloadOrBlindness
from intermodal.platform.resilience.detection import Detection, DetectionPolicy, UpstreamKey
from intermodal.platform.targets import parse_target

STEADY_SECONDS = 120.0
"""Under overload, load sloshes and other upstreams look bad at each look (ejections last 5 s). When the same ones are
bad for so long and the same others well, they are out."""
OWNER = "team:platform"


@dataclass(frozen=True)
class Trouble:
    """Overload or blindness since ``since`` (Unix seconds), ``seen`` last at ``last``. ``id`` is that of its notices,
    which a clock that jumps does not change.

    ``looks`` that showed it, and ``clear`` looks in a row since that did not. ``bad`` is the same since ``steady``.
    """

    id: str
    since: float
    last: float
    models: frozenset[str]
    seen: str
    looks: int = 1
    clear: int = 0
    bad: frozenset[UpstreamKey] = frozenset()
    steady: float | None = None

    def moved(self, seconds: float) -> "Trouble":
        """As if it had been seen so much later: the clock jumped."""
        steady = None if self.steady is None else self.steady + seconds
        return replace(self, since=self.since + seconds, last=self.last + seconds, steady=steady)

    def lasts(self, policy: DetectionPolicy) -> bool:
        """Long enough for people: an upstream in that state would be down."""
        return self.looks >= policy.down_observations and self.last - self.since >= policy.down_seconds

    def released(self, now: float) -> frozenset[UpstreamKey]:
        """Upstreams that are bad so steadily beside others that are well that they are no part of it any more."""
        return self.bad if self.steady is not None and now - self.steady >= STEADY_SECONDS else frozenset()

    def to_dict(self) -> dict[str, Any]:
        bad = [[model, str(target)] for model, target in sorted(self.bad)]
        return {**vars(self), "models": sorted(self.models), "bad": bad}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Trouble":
        """Raises ValueError, TypeError or KeyError for anything but what ``to_dict`` gave."""
        try:
            bad = frozenset((model, parse_target(target)) for model, target in data["bad"])
        except SpecError as error:
            raise ValueError(f"not the watcher's memory of trouble: {error!r}") from error
        return cls(**{**data, "models": frozenset(data["models"]), "bad": bad})


def follow(
    before: Trouble | None, finding: OverloadOrBlindness | None, policy: DetectionPolicy, now: float
) -> Trouble | None:
    """Add one look. It ends after as many looks and seconds without it as bring an upstream back."""
    if before is None:
        if finding is None:
            return None
        steady = now if finding.bad and finding.well else None
        return Trouble(f"overload-{int(now)}", now, now, finding.models, finding.text, bad=finding.bad, steady=steady)
    if finding is None:
        clear = before.clear + 1
        over = clear >= policy.up_observations and now - before.last >= policy.up_seconds
        return None if over else replace(before, clear=clear)
    steady = before.steady
    if finding.kind == "overload" and (finding.bad != before.bad or steady is None):
        steady = now if finding.well else None
    bad = finding.bad or before.bad
    models, looks = before.models | finding.models, before.looks + 1
    return replace(before, last=now, models=models, seen=finding.text, looks=looks, clear=0, bad=bad, steady=steady)


def withhold(seen: Detection, trouble: Trouble | None, finding: OverloadOrBlindness | None) -> Detection:
    """What of a look may be acted on: nothing of the models in trouble, but outages that have a second witness.

    What looked bad together is forgotten: an upstream is down only by looks in which the others are well. Their
    recoveries wait too: one ends with removing the surge, which an overload needs.
    """
    if trouble is None:
        return seen
    together, out = (finding.bad, finding.out) if finding is not None else (frozenset(), frozenset())
    failing = {key: streak for key, streak in seen.watch.failing.items() if key not in together}
    return Detection(
        replace(seen.watch, failing=failing),
        {key: onset for key, onset in seen.down.items() if key[0] not in trouble.models or key in out},
        frozenset(key for key in seen.back if key[0] not in trouble.models),
    )


def begun_notice(trouble: Trouble) -> Notice:
    text = (
        f"{trouble.seen[:1].upper()}{trouble.seen[1:]}. No incident is opened, no weight is changed and nothing is "
        "redeployed until it ends. See the runbook OverloadOrBlindness."
    )
    return Notice("page", "Overload or blindness, not an outage", text, OWNER, trouble.id)


def ended_notice(trouble: Trouble) -> Notice:
    minutes = (trouble.last - trouble.since) / 60
    text = f"It lasted {minutes:.1f} minutes. Last seen: {trouble.seen}. Outages are acted on again."
    return Notice("info", "Overload or blindness has ended", text, OWNER, f"{trouble.id}-ended")
