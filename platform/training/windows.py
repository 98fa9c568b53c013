"""The months that a model is trained on, and the month that is held out to judge it."""

from collections.abc import Sequence
from dataclasses import dataclass

from intermodal.platform.errors import SpecError


@dataclass(frozen=True)
class TrainingWindow:
    """The months to train on, in order, and the held-out month that follows them."""

    train: tuple[str, ...]
    holdout: str


def latest_window(available: Sequence[str], months: int, holdout: str = "") -> TrainingWindow:
    """Hold out ``holdout`` (the newest month if empty) and train on the ``months`` before it. SpecError for a gap."""
    present = sorted(available)
    if not present:
        raise _lacking(["any month"], months, present)
    chosen = holdout or present[-1]
    if chosen not in present:  # a run's config may hold any text
        raise _lacking([chosen], months, present)
    training_months = [_shift(chosen, -back) for back in range(months, 0, -1)]
    if gap := [month for month in (*training_months, chosen) if month not in present]:
        raise _lacking(gap, months, present)
    return TrainingWindow(tuple(training_months), chosen)


def _lacking(gap: Sequence[str], months: int, present: Sequence[str]) -> SpecError:
    return SpecError(
        f"Training needs {months} months and the one after them; there is no {', '.join(gap)}.",
        hint=f"Materialize those partitions first. Present: {', '.join(present) or 'none'}.",
    )


def _shift(month: str, by: int) -> str:
    year, number = int(month[:4]), int(month[5:7])
    total = year * 12 + number - 1 + by
    return f"{total // 12:04d}-{total % 12 + 1:02d}-01"
