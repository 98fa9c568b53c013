"""The reference profile: the distribution of a version's training data, against which drift is measured."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.signature import Column

QUANTILE_BINS = 100
"""Bins of a number. With this many, the KS distance is at most 0.01 below the exact one."""

MAX_TEXTS, MIN_ROWS_EACH = 100, 10
"""Text that is no category is profiled with at most this many values, each in at least this many rows on average. Free
text, which may name persons, is in no profile."""


@dataclass(frozen=True)
class ColumnProfile:
    """The distribution of a column. ``edges`` are the inner bin edges of a number (quantiles of training),
    ``categories`` the values of a text. Free text and points in time are profiled as numbers that are 0 (``presence``).

    Bin i of a number holds ``edges[i-1] <= x < edges[i]``. ``counts`` has one more entry than ``edges``, or one for
    each of ``categories``; ``missing`` is counted separately. ``minimum`` and ``maximum`` are those of a number's
    finite values. They are None for a text, for a column that was always missing, and in profiles of early releases.
    """

    name: str
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int
    minimum: float | None = None
    maximum: float | None = None

    @property
    def is_text(self) -> bool:
        return len(self.counts) == len(self.categories)


@dataclass(frozen=True)
class Profile:
    """The number of training rows and their columns: the inputs, then ``prediction_0``, ``prediction_1``, ..."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    @cached_property
    def by_name(self) -> Mapping[str, ColumnProfile]:
        return {column.name: column for column in self.columns}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Profile":
        """Read what ``profile_of`` of this or an earlier release made. SpecError if it is not a profile."""
        try:
            return cls(int(data["rows"]), tuple(_column(entry) for entry in data["columns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SpecError(f"Not a reference profile: {error}.", hint="Mirror the version again.") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> "Profile":
        """Read the content of ``profile.json``. SpecError if it is not a profile."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise SpecError(f"Not a reference profile: {error}.", hint="Mirror the version again.") from error
        return cls.from_dict(data)


def prediction_name(k: int) -> str:
    return f"prediction_{k}"


def profile_of(table: pd.DataFrame, columns: Sequence[Column], predictions: np.ndarray) -> dict[str, Any]:
    """The profile of typed rows and of their predictions ([n] or [n, k]), as JSON values. Tensors have none."""
    profiles = [_profile(column, table[column.name]) for column in columns if not column.is_tensor]
    outputs = np.asarray(predictions, dtype=float).reshape(len(table), -1 if len(table) else 1)
    profiles += [_numeric(prediction_name(k), outputs[:, k]) for k in range(outputs.shape[1])]
    return {"rows": len(table), "columns": [asdict(profile) for profile in profiles]}


def _column(entry: Mapping[str, Any]) -> ColumnProfile:
    lists = {name: tuple(entry[name]) for name in ("edges", "categories", "counts")}
    column = ColumnProfile(**{**entry, **lists})
    if not column.is_text and len(column.counts) != len(column.edges) + 1:
        raise ValueError(f"'{column.name}' has {len(column.counts)} counts for {len(column.edges)} edges")
    return column


def _profile(column: Column, values: pd.Series) -> ColumnProfile:
    if column.datatype != "BYTES":
        return _numeric(column.name, values.to_numpy(dtype=float, na_value=np.nan))
    counts = values.value_counts()
    categories = column.categories or tuple(sorted(map(str, counts.index)))
    if not column.categories and (len(categories) > MAX_TEXTS or len(values) < MIN_ROWS_EACH * len(categories)):
        return _numeric(column.name, presence(values))
    return ColumnProfile(
        column.name,
        (),
        categories,
        tuple(int(counts.get(category, 0)) for category in categories),
        int(values.isna().sum()),
    )


def presence(values: pd.Series) -> np.ndarray:
    """0 for each value and NaN for each missing one: what is compared of free text and of points in time."""
    return np.where(values.isna(), np.nan, 0.0)


def _numeric(name: str, values: np.ndarray) -> ColumnProfile:
    present = values[~np.isnan(values)]
    finite = present[np.isfinite(present)]
    edges = _edges(finite)
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=edges.size + 1)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    missing = int(values.size - present.size)
    return ColumnProfile(name, tuple(map(float, edges)), (), tuple(map(int, counts)), missing, low, high)


def _edges(values: np.ndarray) -> np.ndarray:
    """Inner bin edges at the quantiles. A value that fills a whole bin gets its own bin, with an edge right above it.
    Otherwise a flag that was always 0 in training would share its bin with a later 1."""
    if not values.size:
        return np.array([])
    quantiles = np.quantile(values, np.linspace(0, 1, QUANTILE_BINS + 1))
    edges, times = np.unique(quantiles, return_counts=True)
    inner = edges[(edges > quantiles[0]) & (edges < quantiles[-1])]
    heavy = edges[times > 1]
    return np.unique(np.concatenate([inner, heavy, np.nextafter(heavy, np.inf)]))
