"""The runtime of XGBoost's own format (UBJSON). It takes float32: a category is its code, missing is NaN."""

import json
import weakref
from collections.abc import Sequence
from ctypes import POINTER, addressof, byref, c_float, c_uint64, c_void_p, create_string_buffer
from itertools import chain
from pathlib import Path
from struct import pack, unpack
from threading import Lock
from typing import Any

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.serving.errors import StartError, join_names
from intermodal.serving.protocol.table import Table
from intermodal.serving.runtimes import xgboost_c as c

MAX_INLINE_ROWS = 16
"""Rows that are predicted in the event loop: less than a millisecond with some hundred trees."""


class XgboostRuntime:
    """XGBoost's booster through its C API, without its Python package, on one thread."""

    file, holds_code, packages = "model.ubj", False, ("xgboost-cpu", "xgboost")

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> None:
        """Its objects predict from a DataFrame by themselves."""

    @staticmethod
    def takes(estimator: Any) -> bool:
        """The file has no missing value other than NaN, so an estimator with another one is not whole in it."""
        missing = getattr(estimator, "missing", None)
        return hasattr(estimator, "get_booster") and isinstance(missing, float) and missing != missing

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        """It holds the categories, as the descriptor does, and the thresholds that it learned."""
        del columns, sensitive
        estimator.get_booster().save_model(path)

    def __init__(self, package: Package, folder: Path) -> None:
        path, columns = folder / package.file, package.signature.inputs
        uncoded = [column.name for column in columns if column.datatype == "BYTES" and not column.categories]
        if uncoded:
            raise StartError(f"{path}: a text column needs its categories to become a number: {join_names(uncoded)}.")
        self._library, self._lock, self._features = c.library(), Lock(), len(columns)
        self._width, self.inline_rows = package.signature.width, MAX_INLINE_ROWS
        try:
            self._booster, self._config = self._open(path)
        except c.XgboostError as error:
            raise StartError(f"{path} is not an XGBoost model: {error}.") from error

    def _open(self, path: Path) -> tuple[c_void_p, bytes]:
        library, booster, features = self._library, c_void_p(), c_uint64()
        c.check(library, library.XGBoosterCreate(None, 0, byref(booster)))
        weakref.finalize(self, library.XGBoosterFree, booster).atexit = False
        c.check(library, library.XGBoosterLoadModel(booster, bytes(path)))
        c.check(library, library.XGBoosterSetParam(booster, b"nthread", b"1"))
        c.check(library, library.XGBoosterGetNumFeature(booster, byref(features)))
        if features.value != self._features:
            raise StartError(f"{path} takes {features.value} features and the signature has {self._features} columns.")
        # Trees after the best iteration of early stopping are in the file, and are not used.
        best = c.attribute(library, booster, "best_iteration")
        return booster, json.dumps(
            {
                "type": 0,
                "training": False,
                "iteration_begin": 0,
                "iteration_end": int(best) + 1 if best else 0,
                "strict_shape": True,
                "cache_id": 0,
                "missing": float("nan"),
            }
        ).encode()

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row."""
        return self.predict_numbers(table.numbers, table.rows)

    def predict_numbers(self, numbers: bytes, rows: int) -> list[float]:
        """The same from ``Table.numbers``: float64, one column after the other. OverflowError for a number that float32
        does not hold."""
        count = rows * self._features
        values = unpack(f"{count}d", numbers)
        by_row = values if rows == 1 else chain.from_iterable(values[row::rows] for row in range(rows))
        buffer = create_string_buffer(pack(f"<{count}f", *by_row))
        shape, dimensions, result = POINTER(c_uint64)(), c_uint64(), POINTER(c_float)()
        with self._lock:  # the result stands in a buffer of the booster
            done = self._library.XGBoosterPredictFromDense(
                *(self._booster, c.matrix(addressof(buffer), rows, self._features), self._config, None),
                *(byref(shape), byref(dimensions), byref(result)),
            )
            c.check(self._library, done)
            predicted: list[float] = result[: rows * self._width]
            given = [shape[i] for i in range(dimensions.value)]
        if given[:1] != [rows] or given[1:2] != [self._width]:
            raise ValueError(f"the model gave the shape {given} for {rows} rows of {self._width}")
        return predicted
