"""The runtime of cloudpickled scikit-learn estimators, which take a DataFrame. Only this format imports pandas."""

import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from intermodal.platform.errors import MissingExtra
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import INTEGERS, Column
from intermodal.serving.errors import StartError
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.table import Table
from intermodal.serving.runtimes.code import Code, missing
from intermodal.serving.runtimes.results import Results

NUMPY = frozenset({"bool", *(name.lower() for name in INTEGERS), "float16", "float32", "float64"})
"""Dtypes without missing values, or with NaN for one. The others are pandas' own."""


class SklearnRuntime:
    """Every call goes to a thread, because even one row takes milliseconds."""

    file, holds_code, packages = "model.pkl", True, ("numpy", "pandas", "scikit-learn")
    inline_rows = 0
    predict_numbers = None

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> None:
        """Its objects predict from a DataFrame by themselves."""

    @staticmethod
    def takes(estimator: Any) -> bool:
        """Any estimator that predicts, when no format that is data takes it."""
        return hasattr(estimator, "predict") or hasattr(estimator, "predict_proba")

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        del columns, sensitive  # what a pickle holds is the estimator's own
        import cloudpickle

        path.write_bytes(cloudpickle.dumps(estimator))

    def __init__(self, package: Package, folder: Path) -> None:
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", "sklearn") from error
        self._pandas = pd
        self._columns = package.signature.inputs
        path = folder / package.file
        _require_python(path, package.python)
        self._code = Code.of(package, folder)
        try:
            # A version's artifacts are as trusted as the image: the mirror checked their SHA-256 sums.
            with path.open("rb") as file, self._code.active():
                model = pickle.load(file)
        except Exception as error:
            reason = missing(error) or StartError(f"{type(error).__name__}: {error}.")
            raise StartError(f"{path} cannot be unpickled: {reason.message}", hint=reason.hint) from error
        method = "predict" if package.task == "regression" else "predict_proba"
        if not hasattr(model, method):
            raise StartError(f"{path} holds a {type(model).__name__} without {method}.")
        self._call = getattr(model, method)
        self._results = Results(package)

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row."""
        frame = self._pandas.DataFrame(
            {c.name: self._series(c, values) for c, values in zip(self._columns, table.columns, strict=True)}
        )
        try:
            with self._code.active():
                return self._results.numbers(self._call(frame), table.rows)
        except (ModuleNotFoundError, FileNotFoundError) as error:
            raise missing(error) or error from error

    def _series(self, column: Column, values: Values) -> Any:
        pd = self._pandas
        if column.is_tensor:
            return pd.Series(list(values), dtype=object)
        match column.given_dtype:
            case "category":
                return pd.Categorical(values, categories=list(column.categories))
            case "object":
                return np.array(values, dtype=object)
            case dtype if column.is_timestamp:
                return pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601").astype(dtype)
            case dtype if dtype in NUMPY:
                return np.array(values, dtype=dtype)
            case dtype:
                return pd.array(values, dtype=dtype)


def _require_python(path: Path, needed: str) -> None:
    """A pickle can hold bytecode, and that of another minor version ends the process without an error."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if needed not in ("", own):
        raise StartError(
            f"{path} was made by Python {needed}, and this server runs Python {own}.",
            hint=f"Serve it from an image with Python {needed}, or train the model again with Python {own}.",
        )
