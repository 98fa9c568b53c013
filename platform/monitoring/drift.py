"""Drift: how far a version's inputs and predictions have moved from its training, and whether that is too far.

Everything is measured from counts in the bins of the version's reference profile: one pass over each column, and ten
million rows that come in chunks need no more memory than one chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from intermodal.platform.monitoring.counts import ColumnCounts, RowCounts, Rows, count
from intermodal.platform.monitoring.distances import grouped, js_distance, ks_distance, psi
from intermodal.platform.protocol.signature import Column
from intermodal.platform.spec import DriftPolicy
from intermodal.platform.training.profile import Profile

State = Literal["none", "drifted", "too few rows"]
Moved = Literal["inputs", "predictions"]
MAX_NAMED_COLUMNS = 5
"""Columns that a sentence names, the largest PSI first."""


@dataclass(frozen=True)
class ColumnDrift:
    """One input, or one output of the predictions, against the reference. Shares are 0 to 1, of all rows.

    ``psi``, ``js``: see distances.py. Missing values and unseen categories are bins like the others, so a column that
    is suddenly missing has drifted. ``ks`` is of the numbers that are not missing, None for a text, which has no order.

    """

    name: str
    kind: Literal["input", "prediction"]
    psi: float
    ks: float | None
    js: float
    missing: float
    missing_reference: float
    unseen: float
    out_of_range: float


@dataclass(frozen=True)
class Drift:
    """``columns``: the inputs in the order of the signature, then the predictions."""

    rows: int
    columns: tuple[ColumnDrift, ...]


@dataclass(frozen=True)
class DriftVerdict:
    """``share`` of the inputs (0 to 1) has drifted. ``columns`` names all drifted inputs and predictions, the largest
    PSI first. ``reasons`` are sentences for people. ``moved`` says what made it drifted: inputs, predictions or
    both."""

    state: State
    share: float
    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    moved: tuple[Moved, ...] = ()


def measure(profile: Profile, rows: Rows, predictions: np.ndarray, columns: Sequence[Column]) -> Drift:
    """The drift of raw rows and of what was predicted for them, [n] or [n, k]. SpecError as ``count`` raises it.

    For rows in chunks: ``count`` each chunk, add the counts, then ``compare``.
    """
    return compare(profile, count(profile, rows, predictions, columns))


def compare(profile: Profile, counts: RowCounts) -> Drift:
    """The drift of counted rows."""
    inputs = [_column(profile, name, found, "input", counts.rows) for name, found in counts.inputs.items()]
    outputs = [_column(profile, name, found, "prediction", counts.rows) for name, found in counts.predictions.items()]
    return Drift(counts.rows, (*inputs, *outputs))


def _column(
    profile: Profile, name: str, now: ColumnCounts, kind: Literal["input", "prediction"], rows: int
) -> ColumnDrift:
    then, total = profile.by_name[name], max(rows, 1)
    reference, current = grouped(then, then.counts, 0, then.missing), grouped(then, now.bins, now.unseen, now.missing)
    return ColumnDrift(
        name,
        kind,
        psi(reference, current),
        None if then.is_text else ks_distance(np.array(then.counts), np.array(now.bins)),
        js_distance(reference, current),
        now.missing / total,
        then.missing / max(profile.rows, 1),
        now.unseen / total,
        now.out_of_range / total,
    )


def judge(drift: Drift, policy: DriftPolicy) -> DriftVerdict:
    """Drifted: ``share`` of the inputs or more have a PSI over ``psi``, or a prediction's is over ``prediction_psi``.

    The usual levels of PSI are 0.1 (look at it) and 0.25 (act): Siddiqi, Credit Risk Scorecards (2006). KS and JS are
    displayed only, because a spec has one level and the levels of the literature are for PSI.
    """
    if drift.rows < policy.min_rows:
        few = f"{drift.rows} rows are too few to decide: at least {policy.min_rows} are needed."
        return DriftVerdict("too few rows", 0.0, (), (few,))
    ordered = sorted(drift.columns, key=lambda column: -column.psi)
    inputs = [column for column in ordered if column.kind == "input" and column.psi > policy.psi]
    outputs = [column for column in ordered if column.kind == "prediction" and column.psi > policy.prediction_psi]
    count_of = sum(column.kind == "input" for column in drift.columns)
    share = len(inputs) / count_of if count_of else 0.0
    many = bool(inputs) and share >= policy.share
    reasons = [
        f"{len(inputs)} of {count_of} inputs ({share:.0%}) have a PSI over {policy.psi:g}; "
        f"the data counts as drifted from {policy.share:.0%}."
    ]
    if inputs:
        reasons.append(
            "Furthest: " + ", ".join(f"{column.name} {column.psi:.2f}" for column in inputs[:MAX_NAMED_COLUMNS]) + "."
        )
    highest = max((column.psi for column in drift.columns if column.kind == "prediction"), default=0.0)
    over = "over" if outputs else "not over"
    reasons.append(f"The predictions' PSI is {highest:.2f}, {over} {policy.prediction_psi:g}.")
    names = tuple(column.name for column in ordered if column in inputs or column in outputs)
    why: dict[Moved, bool] = {"inputs": many, "predictions": bool(outputs)}
    moved = tuple(what for what, has in why.items() if has)
    return DriftVerdict("drifted" if moved else "none", share, names, tuple(reasons), moved)
