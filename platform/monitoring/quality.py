"""Data quality: faults of a version's inputs, found from the same counts as drift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from intermodal.platform.monitoring.counts import ColumnCounts, RowCounts
from intermodal.platform.training.profile import ColumnProfile, Profile

Kind = Literal["absent", "missing", "new category", "out of range", "constant"]
MAX_MISSING_INCREASE = 0.05
"""Missing values are reported if their share exceeds that of training by more than 5 percentage points."""
MAX_UNUSUAL_SHARE = 0.01
"""Unseen categories and numbers out of the training range are reported above 1 % of the rows. A few always occur."""
MIN_FINDING_ROWS = 100
"""With fewer rows only an absent column is reported."""
MAX_NAMED_CATEGORIES = 5
"""New categories that a finding names."""


@dataclass(frozen=True)
class QualityFinding:
    """A fault of ``column`` in ``share`` of the rows (0 to 1). ``text`` is a sentence for people."""

    kind: Kind
    column: str
    share: float
    text: str


def findings(profile: Profile, counts: RowCounts) -> tuple[QualityFinding, ...]:
    """All faults of the inputs, column by column."""
    return tuple(
        finding
        for name, now in counts.inputs.items()
        for finding in _column(profile.by_name[name], now, counts.rows, profile.rows)
    )


def _column(then: ColumnProfile, now: ColumnCounts, rows: int, reference_rows: int) -> Iterator[QualityFinding]:
    name = then.name
    if now.absent:
        share = now.absent / rows
        yield QualityFinding("absent", name, share, f"{name} is absent from {share:.0%} of the rows.")
    if rows < MIN_FINDING_ROWS:
        return
    share, before = now.missing / rows, then.missing / max(reference_rows, 1)
    if not now.absent and share - before > MAX_MISSING_INCREASE:
        text = f"{name} is missing in {share:.1%} of the rows, in training in {before:.1%}."
        yield QualityFinding("missing", name, share, text)
    share = now.unseen / rows
    if share > MAX_UNUSUAL_SHARE:
        listed = ", ".join(now.names[:MAX_NAMED_CATEGORIES]) + (
            ", ..." if len(now.names) > MAX_NAMED_CATEGORIES else ""
        )
        text = f"{share:.1%} of the rows have a value of {name} that training did not have: {listed}."
        yield QualityFinding("new category", name, share, text)
    share = now.out_of_range / rows
    if share > MAX_UNUSUAL_SHARE:
        text = (
            f"{share:.1%} of the rows have {name} outside of the training range {then.minimum:g} to {then.maximum:g}: "
            f"{now.minimum:g} to {now.maximum:g}."
        )
        yield QualityFinding("out of range", name, share, text)
    present = rows - now.missing
    if present >= MIN_FINDING_ROWS and _varied(then) and (value := _only_value(then, now)) is not None:
        text = f"{name} is always {value}; in training it varied."
        yield QualityFinding("constant", name, present / rows, text)


def _varied(then: ColumnProfile) -> bool:
    return sum(times > 0 for times in then.counts) > 1


def _only_value(then: ColumnProfile, now: ColumnCounts) -> str | None:
    if not then.is_text:
        return f"{now.minimum:g}" if now.minimum is not None and now.minimum == now.maximum else None
    seen = [category for category, times in zip(then.categories, now.bins, strict=True) if times]
    seen += list(now.names)
    return f"'{seen[0]}'" if len(seen) == 1 else None
