"""Compare a converted model with its estimator, before it is served: on real rows, and around every split.

A conversion that is wrong for few rows is not found by a sample: trees differ in which side a value takes that is equal
to a threshold, that is missing, or that training did not see. Those are the rows that are compared.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from intermodal.platform.catalogue import LoadedModel
from intermodal.platform.protocol.conversion import Conversion
from intermodal.platform.protocol.signature import FLOATS, INTEGERS, Column
from intermodal.platform.training import dataframes

MAX_PROBES = 20_000
"""The most probes. Of more, equally many are left out everywhere, in the order of columns and values."""
RELATIVE = 1e-12
"""How far predictions may differ that are computed by a function such as exp, in which libraries differ by the last of
16 digits. A row that takes another way differs by far more, or not at all."""


class Rows(NamedTuple):
    """Rows as a runtime gets them: the fields of ``serving.protocol.table.Table``, with None for a missing value."""

    columns: list[Any]
    rows: int
    numbers: bytes
    unseen: dict[str, list[str]]


class Compared(NamedTuple):
    """How many rows were compared, and why the conversion is not used: '' if it is."""

    rows: int
    reason: str


def compare(
    runtime: LoadedModel,
    predict: Callable[[pd.DataFrame], np.ndarray],
    given: pd.DataFrame,
    columns: Sequence[Column],
    conversion: Conversion,
) -> Compared:
    """Predict ``given`` and the probes by both. ``given`` are real rows, with at least the columns."""
    inputs = dataframes.typed(given, columns).reset_index(drop=True)
    tables = [inputs, *_probes(inputs, columns, conversion)]
    table = dataframes.typed(pd.concat(tables, ignore_index=True), columns) if len(tables) > 1 else inputs
    expected = predict(table).reshape(len(table), -1)
    actual = np.array(predicted(runtime, table, columns)).reshape(len(table), -1)
    allowed = 0.0 if conversion.is_exact else RELATIVE
    if expected.shape != actual.shape:
        return Compared(len(table), f"it gives {actual.shape[1]} numbers a row, not {expected.shape[1]}")
    differs = ~(np.abs(actual - expected) <= allowed * np.abs(expected)).all(axis=1)
    if not differs.any():
        return Compared(len(table), "")
    largest = float(np.nanmax(np.abs(actual - expected)[differs], initial=0.0))
    return Compared(len(table), f"it differs in {differs.sum():,} of {len(table):,} rows, by up to {largest:.2g}")


def _probes(inputs: pd.DataFrame, columns: Sequence[Column], conversion: Conversion) -> Iterator[pd.DataFrame]:
    """Real rows, in each of which one value is replaced by one at or beside a split."""
    values = [values_of(column, conversion.thresholds.get(column.name, ()), conversion.zero) for column in columns]
    total = sum(map(len, values))
    kept = {*np.linspace(0, total - 1, min(total, MAX_PROBES)).astype(int).tolist()}
    start = 0
    for column, found in zip(columns, values, strict=True):
        chosen = [found[i] for i in range(len(found)) if start + i in kept]
        start += len(found)
        if chosen:
            probe = inputs.iloc[np.arange(start, start + len(chosen)) % len(inputs)].reset_index(drop=True)
            dtype = inputs[column.name].dtype
            yield probe.assign(**{column.name: pd.Series(chosen, dtype=object).astype(dtype)})


def values_of(column: Column, thresholds: Sequence[float], zero: float = 0.0) -> list[Any]:
    """Values that a request can carry: each threshold and its neighbours in the column's type, or the integers around
    it; each category; and missing, which is also what an unseen category becomes."""
    missing = [None] if column.nullable or column.categories else []
    if column.datatype == "BYTES" or column.is_tensor:
        return [*column.categories, *missing]
    splits = np.array([value for value in thresholds if np.isfinite(value)])
    if column.datatype == "BOOL":
        return [False, True, *missing]
    if column.datatype in INTEGERS:
        smallest, largest = INTEGERS[column.datatype]
        whole = {int(np.floor(value)) + step for value in splits for step in (-1, 0, 1)}
        return [*(value for value in sorted(whole) if smallest <= value <= largest), *missing]
    if (np.abs(splits) <= zero).any():
        splits = np.append(splits, [-zero, zero])
    with np.errstate(over="ignore"):
        near = splits.astype(FLOATS[column.datatype])
        beside = [near, *(np.nextafter(near, np.full_like(near, end)) for end in (-np.inf, np.inf))]
    found = np.unique(np.concatenate(beside))
    return [*found[np.isfinite(found) & ((found == 0) | (np.abs(found) > zero))].tolist(), *missing]


def predicted(runtime: LoadedModel, table: pd.DataFrame, columns: Sequence[Column]) -> list[float]:
    """What the loaded model predicts for a typed table, row by row."""
    numbers = b"".join(_numbers(table[column.name], column).tobytes() for column in columns)
    if runtime.predict_numbers is not None:
        return runtime.predict_numbers(numbers, len(table))
    return runtime.predict(Rows([_cells(table[column.name]) for column in columns], len(table), numbers, {}))


def _cells(values: pd.Series) -> Any:
    if len(values) and isinstance(values.iloc[0], np.ndarray):
        return np.stack(values.tolist())
    return [None if pd.isna(value) else value for value in values.tolist()]


def _numbers(values: pd.Series, column: Column) -> np.ndarray:
    """As float64: a category as its code."""
    if column.categories:
        codes = values.cat.codes.to_numpy(dtype=np.float64)
        return np.where(codes < 0, np.nan, codes)
    if column.datatype == "BYTES" or column.is_tensor:
        return np.full(len(values), np.nan)
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
