"""The runtime of LightGBM's text format. It takes float64 numbers: a category is its code, a missing value NaN."""

import re
import weakref
from collections.abc import Sequence
from ctypes import addressof, byref, c_int, c_int64, c_void_p
from pathlib import Path
from threading import Lock
from typing import Any

from intermodal.platform.protocol.conversion import Conversion
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.serving.errors import StartError, join_names
from intermodal.serving.protocol.table import Table
from intermodal.serving.runtimes import lightgbm_c as c
from intermodal.serving.runtimes.conversion import other_trees

END_OF_TREES = b"\nend of trees\n"
MAX_INLINE_TREES = 25_000
"""The most rows times trees that are predicted in the event loop. Up to here a thread would take longer
(docs/profiles.md)."""


class LightgbmRuntime:
    """LightGBM's booster through its C API, without its Python package."""

    file, holds_code, packages = "model.txt", False, ("lightgbm",)

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> None:
        """Its objects predict from a DataFrame by themselves."""

    @staticmethod
    def takes(estimator: Any) -> bool:
        """LightGBM's own, and the trees of scikit-learn that it predicts with in the same way."""
        return getattr(estimator, "booster_", None) is not None or other_trees.takes(estimator)

    @staticmethod
    def conversion(estimator: Any, columns: Sequence[Column]) -> Conversion | None:
        if getattr(estimator, "booster_", None) is not None:
            return None
        return other_trees.conversion(estimator, columns)

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        if getattr(estimator, "booster_", None) is not None:
            text = without_values(estimator.booster_.model_to_string(), columns, sensitive)
        else:
            text = other_trees.text(estimator, columns)
        path.write_text(text, encoding="utf-8")

    def __init__(self, package: Package, folder: Path) -> None:
        path, columns = folder / package.file, package.signature.inputs
        uncoded = [column.name for column in columns if column.datatype == "BYTES" and not column.categories]
        if uncoded:
            raise StartError(f"{path}: a text column needs its categories to become a number: {join_names(uncoded)}.")
        self._library, self._gil_library = c.libraries()
        self._features = len(columns)
        try:
            self._open(path, package.signature.width)
        except c.LightgbmError as error:
            raise StartError(f"{path} is not a LightGBM model: {error}.") from error

    def _open(self, path: Path, width: int) -> None:
        library, booster, row = self._library, c_void_p(), c_void_p()
        text = path.read_bytes()
        if b"\ntree_sizes=" in text and END_OF_TREES not in text:
            raise StartError(
                f"{path} is cut off: it has no end of its trees.", hint="Mirror the version again."
            )  # LightGBM parses trees in threads of its own, and a wrong one ends the process
        c.check(library, library.LGBM_BoosterCreateFromModelfile(bytes(path), byref(c_int()), byref(booster)))
        weakref.finalize(self, library.LGBM_BoosterFree, booster).atexit = False
        features = c.read_int(library, "LGBM_BoosterGetNumFeature", booster)
        if features != self._features:
            raise StartError(f"{path} takes {features} features and the signature has {self._features} columns.")
        self._width = c.read_int(library, "LGBM_BoosterGetNumClasses", booster)
        if self._width != width:
            raise StartError(f"{path} gives {self._width} numbers a row and the signature has {width}.")
        self.inline_rows = MAX_INLINE_TREES // max(1, c.read_int(library, "LGBM_BoosterNumberOfTotalModel", booster))
        c.check(
            library,
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster, c.NORMAL, *c.ALL_TREES, c.FLOAT64, features, c.ONE_THREAD, byref(row)
            ),
        )
        weakref.finalize(self, library.LGBM_FastConfigFree, row).atexit = False
        self._booster, self._row = booster, row
        self._out, self._count = c.doubles(self._width), c_int64()
        self._arguments = addressof(self._count), addressof(self._out)
        self._predict_row, self._lock = self._gil_library.LGBM_BoosterPredictForMatSingleRowFast, Lock()

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row."""
        return self.predict_numbers(table.numbers, table.rows)

    def predict_numbers(self, numbers: bytes, rows: int) -> list[float]:
        """The same from ``Table.numbers``: float64, one column after the other."""
        if rows == 1:
            return self._predict_one(numbers)
        out, count = c.doubles(rows * self._width), c_int64()
        result = self._library.LGBM_BoosterPredictForMat(
            *(self._booster, numbers, c.FLOAT64, rows, self._features, False, c.NORMAL),
            *(*c.ALL_TREES, c.ONE_THREAD, byref(count), out),
        )
        c.check(self._library, result)
        return out[:]

    def _predict_one(self, numbers: bytes) -> list[float]:
        """Threads share the output buffer, so the lock is held until the result is copied."""
        with self._lock:
            if self._predict_row(self._row, numbers, *self._arguments):
                c.check(self._library, -1)
            return self._out[:]


def without_values(model: str, columns: Sequence[Column], sensitive: Sequence[str]) -> str:
    """LightGBM's text without the smallest and largest number of sensitive columns, and without the categories as its
    Python package keeps them. Predictions need neither: our runtime takes codes."""
    hidden = [column.name in sensitive for column in columns]

    def forget(found: re.Match[str]) -> str:
        infos = found[2].split(" ")
        known = hidden if len(hidden) == len(infos) else [True] * len(infos)  # the server refuses the latter
        return found[1] + " ".join("none" if hide else info for hide, info in zip(known, infos, strict=True))

    changed = re.sub(r"^(feature_infos=)(.*)$", forget, model, count=1, flags=re.MULTILINE)
    if any(hide and column.datatype == "BYTES" for hide, column in zip(hidden, columns, strict=True)):
        changed = re.sub(r"^pandas_categorical:.*$", "pandas_categorical:null", changed, flags=re.MULTILINE)
    return changed
