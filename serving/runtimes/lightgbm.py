"""LightGBM's text format, fed a float64 matrix in which a category is its code and NaN is missing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from intermodal.platform.package import Package
from intermodal.serving.errors import StartError, listed
from intermodal.serving.table import Table

UNUSED = ("sklearn", "pandas", "matplotlib", "graphviz", "dask", "pyarrow", "polars", "joblib")
"""Packages that lightgbm imports when it finds them, and does without when it does not (its compat.py). Predicting
needs none; with them the import takes 190 MB and 2-3 s, without them 55 MB and 0.4 s."""


@contextmanager
def _without_unused() -> Iterator[None]:
    """None in sys.modules makes an import fail: https://docs.python.org/3/reference/import.html#the-module-cache"""
    if "lightgbm" in sys.modules or "pandas" in sys.modules:  # not a server's process: others may want the rest of it
        yield
        return
    hidden = [name for name in UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


class LightgbmRuntime:
    """One row costs tens of microseconds, so a small batch is quicker done at once than handed to a thread."""

    inline_rows = 64

    def __init__(self, package: Package, folder: Path) -> None:
        with _without_unused():
            import lightgbm

        path = folder / package.file
        try:
            self._booster = lightgbm.Booster(model_file=str(path))
        except lightgbm.basic.LightGBMError as error:
            raise StartError(f"{path} is not a LightGBM model: {error}.") from error
        columns = package.signature.inputs
        if self._booster.num_feature() != len(columns):
            raise StartError(
                f"{path} takes {self._booster.num_feature()} features and the signature has {len(columns)} columns."
            )
        bare = [c.name for c in columns if c.datatype == "BYTES" and not c.categories]
        if bare:
            raise StartError(f"{path}: a text column needs its categories to become a number: {listed(bare)}.")
        self._codes: list[dict[Any, float] | None] = [
            {name: float(code) for code, name in enumerate(c.categories)} if c.datatype == "BYTES" else None
            for c in columns
        ]

    def predict(self, table: Table) -> Any:
        """float64 of [rows], or [rows, classes]."""
        numbers = [
            values if codes is None else [codes.get(value) for value in values]
            for values, codes in zip(table.columns, self._codes, strict=True)
        ]
        # None becomes NaN. One thread: batches are small, and threads that wait for each other cost more.
        return self._booster.predict(np.array(numbers, dtype=np.float64).T, num_threads=1)
