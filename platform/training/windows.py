"""The partitions that a model is trained on, and the partition that is held out to judge it."""

from collections.abc import Sequence
from dataclasses import dataclass

from intermodal.platform.errors import SpecError
from intermodal.platform.spec.partitions import Partitions


@dataclass(frozen=True)
class TrainingWindow:
    """The partitions to train on, in order, and the held-out partition that follows them."""

    train: tuple[str, ...]
    holdout: str


def latest_window(
    partitions: Partitions, present: Sequence[str], count: int, holdout: str = "", added: Sequence[str] = ()
) -> TrainingWindow:
    """Hold out ``holdout`` (the newest partition if empty) and train on the ``count`` before it. ``added`` as of
    ``Partitions.in_order``. SpecError for a gap."""
    ordered = partitions.in_order(present, added)
    if not ordered:
        raise _lacking(partitions, [f"any {partitions.unit}"], count, ordered)
    chosen = holdout or ordered[-1]
    if chosen not in ordered:  # a run's config may hold any text
        raise _lacking(partitions, [chosen], count, ordered)
    train = _before(partitions, chosen, count, added)
    if len(train) < count:
        raise _lacking(partitions, [f"{count}. partition before {chosen}"], count, ordered)
    if gap := [partition for partition in (*train, chosen) if partition not in ordered]:
        raise _lacking(partitions, gap, count, ordered)
    return TrainingWindow(tuple(train), chosen)


def is_newer(partitions: Partitions, present: Sequence[str], held_out: str, added: Sequence[str] = ()) -> bool:
    """Whether a partition that is ``present`` comes after the one that was held out: a training would have other rows.
    A held-out key that is listed or added no longer comes before all others."""
    if partitions.cadence:
        return partitions.newest(present) > held_out
    keys, known = list(partitions.static or added), set(present)
    return not known.isdisjoint(keys[keys.index(held_out) + 1 if held_out in keys else 0 :])


def first_range(partitions: Partitions, count: int, keys: Sequence[str] = ()) -> tuple[str, str] | None:
    """The first and the last of the first ``count`` partitions. ``keys`` are those of dynamic partitions; None if there
    are fewer."""
    if span := partitions.span:
        return span.first, span.cadence.shift(span.first, count - 1)
    listed = list(partitions.static or keys)
    return (listed[0], listed[count - 1]) if len(listed) >= count else None


def _before(partitions: Partitions, chosen: str, count: int, added: Sequence[str]) -> list[str]:
    """The ``count`` partitions before one, whether they are present or not. Fewer if the keys that are listed or
    added begin later."""
    if cadence := partitions.cadence:
        return [cadence.shift(chosen, -back) for back in range(count, 0, -1)]
    keys = list(partitions.static or added)
    position = keys.index(chosen)
    return keys[max(0, position - count) : position]


def _lacking(partitions: Partitions, gap: Sequence[str], count: int, present: Sequence[str]) -> SpecError:
    return SpecError(
        f"Training needs {count} {partitions.unit}{'s' if count > 1 else ''} and the one after; there is no "
        f"{', '.join(gap)}.",
        hint=f"Materialize those partitions first. Present: {', '.join(present) or 'none'}.",
    )
