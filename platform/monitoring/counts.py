"""Counts of rows in the bins of a reference profile. Drift is measured from them, and counts of several chunks add
up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Column
from intermodal.platform.training.profile import ColumnProfile, Profile, prediction_name, presence

CHUNK_ROWS = 32_768
"""Rows that are counted at a time: 256 KB of a column, so that memory stays flat and the chunk fits in the cache."""
MAX_UNSEEN_NAMES = 20
"""Names of unseen categories that are kept: the first alphabetically, so that the chunks' size makes no difference."""

Rows: TypeAlias = pd.DataFrame | Mapping[str, np.ndarray]


@dataclass(frozen=True)
class ColumnCounts:
    """Counts of one column. ``bins`` are those of its profile; ``bins``, ``unseen`` and ``missing`` add up to all rows.

    ``absent`` of the missing values are of tables without the column. ``unseen`` are texts that training did not have,
    ``out_of_range`` numbers below its minimum or above its maximum (0 if the profile has neither). ``minimum`` and
    ``maximum`` are None without numbers.
    """

    bins: tuple[int, ...]
    missing: int = 0
    absent: int = 0
    unseen: int = 0
    names: tuple[str, ...] = ()
    out_of_range: int = 0
    minimum: float | None = None
    maximum: float | None = None

    def __add__(self, other: "ColumnCounts") -> "ColumnCounts":
        lows = [x for x in (self.minimum, other.minimum) if x is not None]
        highs = [x for x in (self.maximum, other.maximum) if x is not None]
        return ColumnCounts(
            tuple(a + b for a, b in zip_longest(self.bins, other.bins, fillvalue=0)),
            self.missing + other.missing,
            self.absent + other.absent,
            self.unseen + other.unseen,
            tuple(sorted({*self.names, *other.names})[:MAX_UNSEEN_NAMES]),
            self.out_of_range + other.out_of_range,
            min(lows, default=None),
            max(highs, default=None),
        )


@dataclass(frozen=True)
class RowCounts:
    """Counts of a table. ``inputs`` and ``predictions`` are by column name. Counts of the same profile and columns add
    up."""

    rows: int
    inputs: Mapping[str, ColumnCounts]
    predictions: Mapping[str, ColumnCounts]

    def __add__(self, other: "RowCounts") -> "RowCounts":
        if (self.inputs.keys(), self.predictions.keys()) != (other.inputs.keys(), other.predictions.keys()):
            raise SpecError("These counts have different columns.", hint="Count with the same profile and signature.")
        return RowCounts(
            self.rows + other.rows,
            {name: counts + other.inputs[name] for name, counts in self.inputs.items()},
            {name: counts + other.predictions[name] for name, counts in self.predictions.items()},
        )


def count(profile: Profile, rows: Rows, predictions: np.ndarray, columns: Sequence[Column]) -> RowCounts:
    """Count ``columns`` of raw rows, and the predictions ([n] or [n, k]) made for them.

    An input that ``rows`` lacks counts as missing in every row, so ``columns`` must not have inputs that are never
    logged. SpecError if the profile lacks a column, or if rows and predictions differ in length.
    """
    outputs = np.asarray(predictions, dtype=float)
    outputs = outputs.reshape(-1, 1) if outputs.ndim == 1 else outputs
    width = outputs.shape[1]
    names = [prediction_name(k) for k in range(width)]
    if prediction_name(width) in profile.by_name:
        raise SpecError(f"The model makes more than {width} predictions for a row.", hint="Pass all of them: [n, k].")
    if lacking := [name for name in (*(c.name for c in columns), *names) if name not in profile.by_name]:
        raise SpecError(
            f"The reference profile lacks {', '.join(lacking)}.",
            hint="Use the profile of the version that made the predictions.",
        )
    inputs = {c.name: _count(profile.by_name[c.name], c, rows, len(outputs)) for c in columns}
    made = {name: _numbers(profile.by_name[name], pd.Series(outputs[:, k])) for k, name in enumerate(names)}
    return RowCounts(len(outputs), inputs, made)


def _count(column: ColumnProfile, of: Column, rows: Rows, length: int) -> ColumnCounts:
    name = of.name
    if name not in rows:
        return ColumnCounts((0,) * len(column.counts), missing=length, absent=length)
    values = rows[name]
    values = values if isinstance(values, pd.Series) else pd.Series(values)
    if len(values) != length:
        raise SpecError(
            f"'{name}' has {len(values)} rows, there are {length} predictions.", hint="Pass a prediction for each row."
        )
    if column.is_text:
        return _texts(column, values)
    return _numbers(column, pd.Series(presence(values)) if of.datatype == "BYTES" else values)


def _chunks(values: pd.Series) -> Iterator[pd.Series]:
    return (values.iloc[start : start + CHUNK_ROWS] for start in range(0, len(values), CHUNK_ROWS))


def _numbers(column: ColumnProfile, values: pd.Series) -> ColumnCounts:
    edges, bins = np.array(column.edges), np.zeros(len(column.counts), dtype=np.int64)
    low, high = column.minimum, column.maximum
    missing = outside = 0
    lows, highs = [], []
    for chunk in _chunks(values):
        ordered = np.sort(_floats(chunk))  # NaN is last; in a sorted array every count is a difference of positions
        present = ordered[: np.searchsorted(ordered, np.nan)]
        missing += ordered.size - present.size
        if present.size:
            bins += np.diff(np.searchsorted(present, edges), prepend=0, append=present.size)
            lows.append(float(present[0]))
            highs.append(float(present[-1]))
            if low is not None and high is not None:
                outside += int(np.searchsorted(present, low))
                outside += int(present.size - np.searchsorted(present, high, side="right"))
    return ColumnCounts(
        tuple(bins.tolist()),
        missing,
        out_of_range=outside,
        minimum=min(lows, default=None),
        maximum=max(highs, default=None),
    )


def _floats(chunk: pd.Series) -> np.ndarray:
    """Values as floats. A value that is not a number counts as missing, since no endpoint accepts it."""
    if not (isinstance(chunk.dtype, np.dtype) and chunk.dtype.kind in "fiub"):
        chunk = pd.to_numeric(chunk, errors="coerce")
    if isinstance(chunk.dtype, np.dtype):
        return np.asarray(chunk, dtype=float)
    return np.asarray(chunk.to_numpy(dtype=float, na_value=np.nan))


def _texts(column: ColumnProfile, values: pd.Series) -> ColumnCounts:
    known, bins = pd.Index(column.categories, dtype=object), np.zeros(len(column.counts), dtype=np.int64)
    missing = unseen = 0
    names: set[str] = set()
    for chunk in _chunks(values):
        if isinstance(chunk.dtype, pd.CategoricalDtype):
            codes, found = chunk.cat.codes.to_numpy(), chunk.cat.categories
        else:
            codes, found = pd.factorize(chunk)
        times = np.bincount(codes.astype(np.intp) + 1, minlength=len(found) + 1)
        missing += int(times[0])
        texts = np.array([str(value) for value in found], dtype=object)
        where = known.get_indexer(pd.Index(texts, dtype=object))
        np.add.at(bins, where[where >= 0], times[1:][where >= 0])
        new = (where < 0) & (times[1:] > 0)
        unseen += int(times[1:][new].sum())
        names = set(sorted({*names, *texts[new]})[:MAX_UNSEEN_NAMES])
    return ColumnCounts(tuple(bins.tolist()), missing, unseen=unseen, names=tuple(sorted(names)))
