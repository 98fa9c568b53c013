"""Failover plans: who takes over from whom, how much each cloud runs, and where traffic goes. Functions of which clouds
are down and of nothing else, so that whoever computes them, and however often, comes to the same end."""

from collections.abc import Collection

from intermodal.platform.deployment.routing import even_weights, policy_weights, weights_by
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud, parse_cloud, parse_target

DOWN, CAPACITY, NO_CAPACITY, NOT_BACK, BACK = "down", "capacity", "no-capacity", "not-back", "back"
"""Keys of the entries ``told``: people are told once of each. ``down`` when the traffic is off the cloud, then what
became of its capacity; ``not-back`` when bringing it back keeps failing."""


def order_of(spec: ModelSpec) -> tuple[Cloud, ...]:
    """The failover order: as stated, else the order of ``serve``."""
    return tuple(parse_cloud(name) for name in spec.failover.order) or tuple(
        parse_target(name).cloud for name in spec.serve
    )


def heir_of(spec: ModelSpec, cloud: Cloud, down: Collection[Cloud], unable: Collection[Cloud] = ()) -> Cloud | None:
    """The next living cloud after ``cloud`` in a ring; None when there is none. ``unable`` could not take it."""
    ring = order_of(spec)
    start = ring.index(cloud) + 1
    return next((one for one in ring[start:] + ring[:start] if one not in down and one not in unable), None)


def base(spec: ModelSpec, cloud: Cloud) -> int:
    """Replicas of a cloud when all is well."""
    return 0 if cloud in spec.failover.cold else spec.replicas


def wanted(spec: ModelSpec, down: Collection[Cloud] = (), unable: Collection[Cloud] = ()) -> dict[Cloud, int]:
    """Living cloud → replicas: its own and those of the clouds that it takes over from. 0: it stays cold."""
    found = {cloud: base(spec, cloud) for cloud in order_of(spec) if cloud not in down}
    for cloud in order_of(spec):
        if cloud in down and (heir := heir_of(spec, cloud, down, unable)) is not None:
            found[heir] += base(spec, cloud)
    return found


def helpers(spec: ModelSpec, down: Collection[Cloud], unable: Collection[Cloud] = ()) -> dict[Cloud, int]:
    """The clouds that run more than usual, with all that they run."""
    return {cloud: count for cloud, count in wanted(spec, down, unable).items() if count > base(spec, cloud)}


def shares(
    spec: ModelSpec, down: Collection[Cloud], serving: Collection[Cloud], unable: Collection[Cloud] = ()
) -> dict[Cloud, int]:
    """Weights over ``serving`` as the spec's policy says, where a dead cloud's share goes to its heir, which has its
    replicas too. ``unable`` have not taken over anything (yet).

    Equal when the policy leaves nothing for the clouds that live. SpecError when ``serving`` is empty.
    """
    if spec.route.policy == "even":
        runs = wanted(spec, down, unable)
        return weights_by({cloud: runs.get(cloud) or 1 for cloud in serving})
    found = policy_weights(
        spec.route.policy, [cloud for cloud in order_of(spec) if cloud in serving], spec.route.weights
    )
    for cloud in order_of(spec):
        heir = heir_of(spec, cloud, down, unable) if cloud in down else None
        if heir is not None and heir in found:
            found[heir] += spec.route.weights.get(cloud, 0)
    return found if any(found.values()) else even_weights(serving)


def current_round(incident: Incident) -> int:
    """How often this incident's cloud stopped answering again while it was being brought back: 0 at first."""
    return sum(entry.step == "note" and entry.key.startswith("again-") for entry in incident.entries)


def recovering(incident: Incident) -> bool:
    """Whether bringing the cloud back has begun, since it last stopped answering."""
    return incident.has("recovering", str(current_round(incident)))


def contained(incident: Incident, spec: ModelSpec, down: Collection[Cloud]) -> bool:
    """Whether all is done that can be done while the cloud is away: drained, capacity replaced, people told.

    With every cloud gone, people being told is all.
    """
    if not incident.has("told", DOWN):
        return False
    if not wanted(spec, down):
        return True
    key = str(current_round(incident))
    return incident.has("drained", key) and incident.has("capacity", key)
