"""Routes: a model's upstreams with their weights, and which is tried next when one fails."""

from collections.abc import Iterable, Mapping

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import CLOUDS, Cloud


def even_weights(clouds: Iterable[Cloud]) -> dict[Cloud, int]:
    """Equal shares that add up to 100, the first clouds taking the remainder."""
    return weights_by(dict.fromkeys(clouds, 1))


def weights_by(replicas: Mapping[Cloud, int]) -> dict[Cloud, int]:
    """Shares that add up to 100, as many for each replica, the first clouds taking the remainder."""
    total = sum(replicas.values())
    if not total:
        raise SpecError("A route needs at least one cloud.")
    found = {cloud: 100 * replicas[cloud] // total for cloud in CLOUDS if cloud in replicas}
    rest = 100 - sum(found.values())
    return {cloud: share + (index < rest) for index, (cloud, share) in enumerate(found.items())}


def policy_weights(policy: str, clouds: Iterable[Cloud], stated: Mapping[str, int]) -> dict[Cloud, int]:
    """The weights that a spec's routing policy asks for: ``even``, or ``weighted`` as stated (left out: 0)."""
    match policy:
        case "even":
            return even_weights(clouds)
        case "weighted":
            return {cloud: stated.get(cloud, 0) for cloud in clouds}
        case _:
            raise SpecError(f"Unknown routing policy '{policy}'.", hint="Known policies: even, weighted.")
