"""The runtime of CatBoost's own format (CBM), by its Python package. A text is given as it is, not as a code."""

from collections.abc import Sequence
from math import nan
from pathlib import Path
from typing import Any

from intermodal.platform.errors import MissingExtra
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.serving.errors import StartError
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.table import Table
from intermodal.serving.runtimes.results import Results

MAX_INLINE_ROWS = 16
"""Rows that are predicted in the event loop: about a tenth of a millisecond each."""


class CatboostRuntime:
    """CatBoost on one thread. A missing text is refused, as CatBoost does in training."""

    file, holds_code, packages = "model.cbm", False, ("catboost",)
    predict_numbers = None

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> None:
        """Its objects predict from a DataFrame by themselves."""

    @staticmethod
    def takes(estimator: Any) -> bool:
        return type(estimator).__module__.partition(".")[0] == "catboost" and hasattr(estimator, "save_model")

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        """It holds hashes of texts, and the thresholds that it learned."""
        del columns, sensitive
        estimator.save_model(str(path), format="cbm")

    def __init__(self, package: Package, folder: Path) -> None:
        try:
            import catboost
            import numpy
        except ImportError as error:
            raise MissingExtra("catboost", "catboost") from error
        path, classifies = folder / package.file, package.task != "regression"
        model = catboost.CatBoostClassifier() if classifies else catboost.CatBoostRegressor()
        try:
            model.load_model(str(path))
        except catboost.CatBoostError as error:
            raise StartError(f"{path} is not a CatBoost model: {error}.") from error
        if len(model.feature_names_) != len(package.signature.inputs):
            raise StartError(
                f"{path} takes {len(model.feature_names_)} features and the signature has "
                f"{len(package.signature.inputs)} columns."
            )
        self._numpy, self._error, self.inline_rows = numpy, catboost.CatBoostError, MAX_INLINE_ROWS
        self._call = model.predict_proba if classifies else model.predict
        self._results = Results(package)
        self._texts = [column.datatype == "BYTES" for column in package.signature.inputs]
        self._as_objects = any(self._texts) or bool(model.get_cat_feature_indices())

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row. ValueError has CatBoost's own reason."""
        numpy = self._numpy
        if self._as_objects:
            columns = [
                values if text else _numbers(values) for text, values in zip(self._texts, table.columns, strict=True)
            ]
            rows = numpy.array(list(zip(*columns, strict=True)), dtype=object)
        else:
            rows = numpy.frombuffer(table.numbers).reshape(-1, table.rows).T
        try:
            return self._results.numbers(self._call(rows, thread_count=1), table.rows)
        except self._error as error:
            raise ValueError(str(error)) from error


def _numbers(values: Values) -> Values:
    return [nan if value is None else value for value in values]
