"""Data quality: what people should look at in the rows that a version is asked, from the same counts as drift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from intermodal.platform.monitoring.counts import ColumnCounts, Counts
from intermodal.platform.training.profile import ColumnProfile, Profile

Kind = Literal["absent", "missing", "new category", "out of range", "constant"]
MISSING = 0.05
"""Missing values have become more when their share rose by over 5 points."""
NEW = 0.01
"""Unseen categories, or numbers out of the training range, are reported over 1 % of the rows: a few always come."""
ROWS = 100
"""With fewer rows nothing but an absent column is reported."""
NAMED = 5


@dataclass(frozen=True)
class Finding:
    """``share`` of the rows (0 to 1) shows it; ``text`` is a sentence for people."""

    kind: Kind
    column: str
    share: float
    text: str


def findings(profile: Profile, counts: Counts) -> tuple[Finding, ...]:
    """What is wrong with the inputs, column by column; empty when nothing is."""
    return tuple(
        finding
        for name, now in counts.inputs.items()
        for finding in _column(profile.by_name[name], now, counts.rows, profile.rows)
    )


def _column(then: ColumnProfile, now: ColumnCounts, rows: int, reference_rows: int) -> Iterator[Finding]:
    name = then.name
    if now.absent:
        share = now.absent / rows
        yield Finding("absent", name, share, f"{name} is not there at all in {share:.0%} of the rows.")
    if rows < ROWS:
        return
    share, before = now.missing / rows, then.missing / max(reference_rows, 1)
    if not now.absent and share - before > MISSING:
        text = f"{name} is missing in {share:.1%} of the rows; it was in {before:.1%} of the training rows."
        yield Finding("missing", name, share, text)
    share = now.unseen / rows
    if share > NEW:
        listed = ", ".join(now.names[:NAMED]) + (", ..." if len(now.names) > NAMED else "")
        text = f"{share:.1%} of the rows have a value of {name} that training did not: {listed}."
        yield Finding("new category", name, share, text)
    share = now.out_of_range / rows
    if share > NEW:
        text = (
            f"{share:.1%} of the rows have {name} out of the training range {then.minimum:g} to {then.maximum:g}: "
            f"{now.minimum:g} to {now.maximum:g}."
        )
        yield Finding("out of range", name, share, text)
    present = rows - now.missing
    if present >= ROWS and _varied(then) and (value := _only_value(then, now)) is not None:
        text = f"{name} is {value} wherever it is given; in training it varied."
        yield Finding("constant", name, present / rows, text)


def _varied(then: ColumnProfile) -> bool:
    return sum(times > 0 for times in then.counts) > 1


def _only_value(then: ColumnProfile, now: ColumnCounts) -> str | None:
    if not then.is_text:
        return f"{now.minimum:g}" if now.minimum is not None and now.minimum == now.maximum else None
    seen = [category for category, times in zip(then.categories, now.bins, strict=True) if times]
    seen += list(now.names)
    return f"'{seen[0]}'" if len(seen) == 1 else None
