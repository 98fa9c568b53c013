"""Weights of a route: how a model's traffic is divided among its targets."""

from collections.abc import Iterable, Mapping

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Target


def even_weights(targets: Iterable[Target]) -> dict[Target, int]:
    """Equal weights that add up to 100. The first targets get the remainder."""
    return weights_by_replicas(dict.fromkeys(targets, 1))


def weights_by_replicas(replicas: Mapping[Target, int]) -> dict[Target, int]:
    """Weights that add up to 100, in proportion to replicas. The first targets get the remainder."""
    total = sum(replicas.values())
    if not total:
        raise SpecError("A route needs at least one target.")
    found = {target: 100 * count // total for target, count in replicas.items()}
    remainder = 100 - sum(found.values())
    return {target: share + (index < remainder) for index, (target, share) in enumerate(found.items())}


def policy_weights(policy: str, targets: Iterable[Target], weights: Mapping[Target, int]) -> dict[Target, int]:
    """The weights of a spec's routing policy: ``even``, or ``weighted`` by ``weights`` (a target without one: 0)."""
    match policy:
        case "even":
            return even_weights(targets)
        case "weighted":
            return {target: weights.get(target, 0) for target in targets}
        case _:
            raise SpecError(f"Unknown routing policy '{policy}'.", hint="Known policies: even, weighted.")
