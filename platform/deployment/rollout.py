"""Decide about a rollout: hold, advance, promote or abort, from evidence alone. Pure: nothing is read or changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from intermodal.platform.deployment.verdict import Finding, judge_errors, judge_latency, judge_traffic, verdict
from intermodal.platform.ports.gateway import Tries
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.ports.registry import Identity
from intermodal.platform.ports.rollouts import Entry, Rollout
from intermodal.platform.spec.rollout import RolloutPolicy
from intermodal.platform.targets import Target

Action = Literal["hold", "restart", "advance", "promote", "abort"]


@dataclass(frozen=True)
class RolloutDecision:
    """What to do now, and why. ``findings`` are the comparisons behind it."""

    action: Action
    reason: str
    findings: tuple[Finding, ...] = ()


def begin(
    model: str, old: Identity, new: Identity, policy: RolloutPolicy, tries: Mapping[str, Tries], now: float
) -> Rollout:
    """A rollout at its first step. ``tries`` are the gateway's counts by version."""
    steps, entry = tuple(policy.steps), Entry(now, f"{policy.steps[0]} % of requests go to {new.version}")
    return Rollout(model, old, new, steps, 0, now, before=_both(old, new, tries), entries=(entry,))


def decide(
    rollout: Rollout,
    policy: RolloutPolicy,
    tries: Mapping[str, Tries],
    unavailable: Collection[Target],
    now: float,
    recovered: float = 0.0,
) -> RolloutDecision:
    """``tries`` are the gateway's counts by version, ``unavailable`` the model's targets with an open incident,
    ``recovered`` when the last incident was closed (Unix seconds).

    A failure aborts at once, also before the pause ends. While a target is out both versions suffer from what is not
    theirs, so the step holds, and its evidence begins again afterwards.
    """
    old, new = (tries.get(v, Tries()).since(rollout.before.get(v, Tries())) for v in _versions(rollout))
    findings = (
        judge_traffic(new, policy.min_requests),
        judge_errors(old, new, policy.max_error_rate_increase),
        judge_latency(old, new, policy.max_p95_increase),
    )
    outcome, left = verdict(findings), rollout.since + policy.pause_seconds - now
    if rollout.requested == "abort":
        return RolloutDecision("abort", "requested by a person", findings)
    if rollout.requested == "promote":
        return RolloutDecision("promote", "requested by a person", findings)
    if unavailable:
        return RolloutDecision("hold", f"an incident is open on {', '.join(sorted(map(str, unavailable)))}", findings)
    if recovered > rollout.since:
        return RolloutDecision("restart", "an incident ended, and what was counted during it proves nothing", findings)
    if outcome == "fail":
        return RolloutDecision("abort", _because(findings, "fail"), findings)
    if rollout.phase == "paused":
        return RolloutDecision("hold", "it is paused", findings)
    if left > 0:
        return RolloutDecision("hold", f"the step lasts {left:.0f} s more", findings)
    if outcome == "inconclusive":
        return RolloutDecision("hold", _because(findings, "inconclusive"), findings)
    if rollout.step + 2 >= len(rollout.steps):
        return RolloutDecision("promote", _because(findings, "pass"), findings)
    return RolloutDecision("advance", _because(findings, "pass"), findings)


def apply(rollout: Rollout, decision: RolloutDecision, tries: Mapping[str, Tries], now: float) -> Rollout:
    """The rollout after the decision; the same for "hold"."""
    match decision.action:
        case "hold":
            return rollout
        case "restart":
            before = _both(rollout.old, rollout.new, tries)
            return _noted(replace(rollout, since=now, before=before), now, f"the step begins again: {decision.reason}")
        case "advance":
            step = rollout.step + 1
            text = f"{rollout.steps[step]} % of requests go to {rollout.new.version}: {decision.reason}"
            before = _both(rollout.old, rollout.new, tries)
            return _noted(replace(rollout, step=step, since=now, before=before), now, text)
        case "promote":
            last = len(rollout.steps) - 1
            text = f"promoted to all requests: {decision.reason}"
            return _noted(replace(rollout, phase="promoted", step=last, since=now, requested=""), now, text)
        case _:
            text = f"aborted, {rollout.old.version} has all requests: {decision.reason}"
            return _noted(replace(rollout, phase="aborted", since=now, requested=""), now, text)


def superseded(rollout: Rollout, served: Identity | None, reason: str, now: float) -> Rollout:
    """A rollout that went on, after another version became champion: it ends as what its version has now."""
    ended = replace(rollout, since=now, requested="")
    if served is not None and served.same_as(rollout.new):
        return _noted(replace(ended, phase="promoted", step=len(rollout.steps) - 1), now, f"promoted: {reason}")
    return _noted(replace(ended, phase="aborted"), now, f"aborted: {reason}")


def last_closed(incidents: Iterable[Incident]) -> float:
    """When the last of them was closed, in Unix seconds; 0 if none was."""
    return max((incident.closed_at for incident in incidents if incident.closed_at is not None), default=0.0)


def by_version(tries: Mapping[tuple[Target, str], Tries]) -> dict[str, Tries]:
    """The counts of all targets together."""
    found: dict[str, Tries] = {}
    for (_, version), counted in tries.items():
        found[version] = found.get(version, Tries()) + counted
    return found


def _noted(rollout: Rollout, now: float, text: str) -> Rollout:
    return replace(rollout, entries=(*rollout.entries, Entry(now, text)))


def _versions(rollout: Rollout) -> tuple[str, str]:
    return rollout.old.version, rollout.new.version


def _both(old: Identity, new: Identity, tries: Mapping[str, Tries]) -> dict[str, Tries]:
    return {version: tries.get(version, Tries()) for version in (old.version, new.version)}


def _because(findings: Sequence[Finding], outcome: str) -> str:
    return "; ".join(finding.text for finding in findings if finding.outcome == outcome)
