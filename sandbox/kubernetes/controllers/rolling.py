"""The arithmetic of a rolling update, as in pkg/controller/deployment (rolling.go, util/deployment_util.go)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Set:
    """A ReplicaSet's wanted and available replicas."""

    wanted: int
    available: int


@dataclass(frozen=True)
class Bounds:
    """``surge``: Pods above the wanted ones; ``unavailable``: how many of them may be missing."""

    surge: int
    unavailable: int


def bounds(replicas: int, surge: int | str, unavailable: int | str) -> Bounds:
    """Percentages of the replicas: the surge rounds up, what may be missing down. Both 0 would block, so 1 may miss."""
    above, below = _scaled(surge, replicas, up=True), min(_scaled(unavailable, replicas, up=False), replicas)
    return Bounds(above, 1) if above == 0 and below == 0 else Bounds(above, below)


def _scaled(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * replicas / 100
    return math.ceil(share) if up else math.floor(share)


def grown(replicas: int, limits: Bounds, new: int, total: int) -> int:
    """What the newest ReplicaSet may have; ``total`` is what all of them want now."""
    if new >= replicas:
        return replicas
    room = replicas + limits.surge - total
    return new + max(0, min(room, replicas - new))


def shrunk(replicas: int, limits: Bounds, new: Set, old: Sequence[Set]) -> list[int]:
    """What each of the older ReplicaSets, the oldest first, may keep: those that do not serve go first."""
    kept = [each.wanted for each in old]
    minimum = replicas - limits.unavailable
    spare = sum(kept) + new.wanted - minimum - (new.wanted - new.available)
    for index, each in enumerate(old):
        taken = max(0, min(spare, each.wanted - each.available))
        kept[index] -= taken
        spare -= taken
    serving = new.available + sum(min(each.available, left) for each, left in zip(old, kept, strict=True))
    spare = min(spare, serving - minimum)
    for index, left in enumerate(kept):
        taken = max(0, min(spare, left))
        kept[index] -= taken
        spare -= taken
    return kept
