"""Routes: a model's upstreams with their weights, and which is tried next when one fails."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intermodal.platform.clouds import CLOUDS, Cloud
from intermodal.platform.errors import SpecError


@dataclass(frozen=True)
class Route:
    """What the gateway does with one model's requests.

    ``weights`` are relative; an upstream with 0 stands by: it is probed, and asked when no serving one can
    answer. ``metadata`` is the V2 metadata that the gateway answers with, ``golden_body`` a V2 request known to be
    answerable (the probe).
    """

    model: str
    version: str
    weights: Mapping[Cloud, int]
    metadata: Mapping[str, object]
    golden_body: str

    def __post_init__(self) -> None:
        if any(weight < 0 for weight in self.weights.values()):
            raise SpecError(f"Route of '{self.model}': a weight is negative.", hint="Use 0 to drain an upstream.")
        if not any(self.weights.values()):
            raise SpecError(
                f"Route of '{self.model}': every upstream has weight 0.", hint="Leave at least one above 0."
            )

    @property
    def serving(self) -> tuple[Cloud, ...]:
        """The clouds that get traffic, in the fixed order of clouds."""
        return tuple(cloud for cloud in CLOUDS if self.weights.get(cloud, 0) > 0)

    def failover_order(self, first: Cloud) -> tuple[Cloud, ...]:
        """Which upstreams are tried, in turn, when ``first`` was chosen: a ring, so that load spreads, then those that
        stand by."""
        start = self.serving.index(first)
        standby = tuple(cloud for cloud in CLOUDS if self.weights.get(cloud) == 0)
        return self.serving[start:] + self.serving[:start] + standby


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
