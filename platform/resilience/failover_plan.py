"""Failover plans: which target takes over from which, how many replicas each runs, and where traffic goes.

Pure functions of the spec and of which targets are unavailable, so every computation gives the same
plan.
"""

from collections.abc import Collection

from intermodal.platform.deployment.routing import even_weights, policy_weights, weights_by_replicas
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

DOWN, CAPACITY, NO_CAPACITY, NOT_BACK, BACK = "down", "capacity", "no-capacity", "not-back", "back"
"""Keys of ``notified`` entries, each noted once. ``down`` when the traffic has left the target, then what became of
its capacity; ``not-back`` when its recovery keeps failing."""


def successor(
    spec: ModelSpec, target: Target, unavailable: Collection[Target], exhausted: Collection[Target] = ()
) -> Target | None:
    """The target that takes over from ``target``; None when there is none. ``exhausted`` could not take more.

    Of the available ones, a target of another site than the unavailable ones is preferred, then one of another cloud:
    sites and clouds are failure domains. Among equals, the next in the failover order, as a ring.
    """
    ring = spec.failover_order
    start = ring.index(target) + 1
    sites, clouds = {target.site for target in unavailable}, {target.cloud for target in unavailable}
    candidates = [
        candidate
        for candidate in ring[start:] + ring[:start]
        if candidate not in unavailable and candidate not in exhausted
    ]
    return min(candidates, key=lambda candidate: (candidate.site in sites, candidate.cloud in clouds), default=None)


def baseline_replicas(spec: ModelSpec, target: Target) -> int:
    """Replicas of a target when all is well."""
    return 0 if target in spec.cold_targets else spec.replicas


def desired_replicas(
    spec: ModelSpec, unavailable: Collection[Target] = (), exhausted: Collection[Target] = ()
) -> dict[Target, int]:
    """Available target → replicas: its baseline and those of the targets that it takes over from. 0: it stays cold."""
    order = spec.failover_order
    found = {target: baseline_replicas(spec, target) for target in order if target not in unavailable}
    for target in order:
        if target in unavailable and (heir := successor(spec, target, unavailable, exhausted)) is not None:
            found[heir] += baseline_replicas(spec, target)
    return found


def surge_replicas(
    spec: ModelSpec, unavailable: Collection[Target], exhausted: Collection[Target] = ()
) -> dict[Target, int]:
    """The targets that run more than their baseline, with all that they run."""
    wanted = desired_replicas(spec, unavailable, exhausted)
    return {target: count for target, count in wanted.items() if count > baseline_replicas(spec, target)}


def weights_without(
    spec: ModelSpec,
    unavailable: Collection[Target],
    serving: Collection[Target],
    exhausted: Collection[Target] = (),
) -> dict[Target, int]:
    """Weights over ``serving`` by the spec's policy, where the share of an unavailable target goes to its successor,
    which has its replicas too. ``exhausted`` targets have taken over nothing (yet).

    Equal when the policy leaves nothing for the available targets. SpecError when ``serving`` is empty.
    """
    order = spec.failover_order
    ordered = [target for target in order if target in serving]
    if spec.route.policy == "even":
        replicas = desired_replicas(spec, unavailable, exhausted)
        return weights_by_replicas({target: replicas.get(target) or 1 for target in ordered})
    weights = spec.weights
    found = policy_weights(spec.route.policy, ordered, weights)
    for target in order:
        heir = successor(spec, target, unavailable, exhausted) if target in unavailable else None
        if heir is not None and heir in found:
            found[heir] += weights.get(target, 0)
    return found if any(found.values()) else even_weights(ordered)


def current_round(incident: Incident) -> int:
    """How often the incident's target failed again during its recovery: 0 at first."""
    return sum(entry.step == "note" and entry.key.startswith("again-") for entry in incident.entries)


def recovering(incident: Incident) -> bool:
    """Whether recovery has begun since the target failed last."""
    return incident.has("recovering", str(current_round(incident)))


def contained(incident: Incident, spec: ModelSpec, unavailable: Collection[Target]) -> bool:
    """Whether all is done that can be done during the outage: drained, capacity replaced, people notified.

    With every target unavailable, the notification is all.
    """
    if not incident.has("notified", DOWN):
        return False
    if not desired_replicas(spec, unavailable):
        return True
    key = str(current_round(incident))
    return incident.has("drained", key) and incident.has("capacity", key)
