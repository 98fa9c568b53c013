"""What a package holds of sensitive columns: no row's value, and no statistic that training does not need.

Golden rows go to every target and stand in the gateway's configuration, so their values of sensitive columns are
synthetic. What remains is in SECURITY.md: the categories of a text, because the server needs their codes, and what the
model itself has learned.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from intermodal.platform.protocol.signature import INTEGERS, Column

TEXT, NUMBER, MOMENT = "text", 1, "2020-01-01T00:00:00+00:00"
"""Of a text column without categories, of a number's that has no finite mean, and of a point in time's."""


def with_synthetic(golden: pd.DataFrame, window: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Golden rows with one synthetic value in each of these columns, and without it in every second row where values
    may be missing. The value is one that the model's function can take: see ``synthetic``."""
    changed = golden.copy()
    for column in columns:
        values: list[object] = [synthetic(window[column.name], column)] * len(golden)
        if column.nullable:
            values[1::2] = [None] * len(values[1::2])
        changed[column.name] = pd.Series(values, index=golden.index, dtype=object)
    return changed


def synthetic(values: pd.Series, column: Column) -> Any:
    """A value of the column's type that is no row's own: a number's mean over the window in two digits, false, the
    first category by name, or a tensor of ones."""
    if column.is_tensor:
        return np.ones(column.shape, column.dtype)
    match column.datatype:
        case "BYTES" if column.is_timestamp:
            return MOMENT
        case "BYTES":
            return column.categories[0] if column.categories else TEXT
        case "BOOL":
            return False
        case _:
            numbers = values.dropna().to_numpy(dtype=float)
            finite = numbers[np.isfinite(numbers)]
            with np.errstate(over="ignore"):  # a sum of huge numbers is infinite
                mean = float(f"{finite.mean():.1e}") if finite.size else np.inf
            mean = mean if np.isfinite(mean) else float(NUMBER)
            return round(mean) if column.datatype in INTEGERS else mean
