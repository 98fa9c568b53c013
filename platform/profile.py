"""The reference profile: how a version's training data was distributed, for drift to be measured against."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.signature import Column

BINS = 20


@dataclass(frozen=True)
class ColumnProfile:
    """``edges`` are the inner bin edges of a number (quantiles of training), ``categories`` the values of a text.

    ``counts`` has one more entry than ``edges``, or one an entry of ``categories``; ``missing`` is counted apart.
    """

    name: str
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int


def profile_of(table: pd.DataFrame, columns: Sequence[Column], predictions: np.ndarray) -> dict[str, Any]:
    """The profile of typed rows and of what the model predicted for them, as plain JSON values."""
    profiles = [_profile(column, table[column.name]) for column in columns]
    outputs = np.asarray(predictions, dtype=float).reshape(len(table), -1)
    profiles += [_numeric(f"prediction_{k}", outputs[:, k]) for k in range(outputs.shape[1])]
    return {"rows": len(table), "columns": [asdict(profile) for profile in profiles]}


def _profile(column: Column, values: pd.Series) -> ColumnProfile:
    if column.datatype != "BYTES":
        return _numeric(column.name, values.to_numpy(dtype=float))
    counts = values.value_counts()
    return ColumnProfile(
        column.name,
        (),
        column.categories,
        tuple(int(counts.get(category, 0)) for category in column.categories),
        int(values.isna().sum()),
    )


def _numeric(name: str, values: np.ndarray) -> ColumnProfile:
    present = values[~np.isnan(values)]
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1)[1:-1])) if present.size else np.array([])
    counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=edges.size + 1)
    return ColumnProfile(name, tuple(map(float, edges)), (), tuple(map(int, counts)), int(values.size - present.size))
