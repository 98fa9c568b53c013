"""MLflow's loader of a package. Its ``MLmodel`` names this module, so that MLflow's tools predict as the server does.

https://mlflow.org/docs/latest/ml/model/#python-function-model-interfaces (loader_module)
"""

from pathlib import Path
from typing import Any

import numpy as np

from intermodal.platform.protocol.package import Package
from intermodal.serving.errors import RequestError
from intermodal.serving.protocol.table import Checker, Named
from intermodal.serving.runtimes.loader import Runtime, load


class PyfuncModel:
    """A model with MLflow's interface: ``predict`` takes a DataFrame and returns an array, [n] or [n, k]."""

    def __init__(self, package: Package, runtime: Runtime) -> None:
        self._checker = Checker(package.signature, package.sensitive)
        self._runtime, self._width, self._quotes = runtime, package.signature.width, not package.sensitive

    def predict(self, rows: Any, params: dict[str, Any] | None = None) -> Any:
        """Unknown columns are ignored. RequestError names the column and the row of a wrong value, or has the model's
        own reason unless columns are sensitive."""
        del params  # part of MLflow's interface; this model has none
        known = [name for name in self._checker.names if name in rows]
        plain = rows[known].astype(object).where(rows[known].notna(), None)
        table = self._checker.check(Named({n: plain[n].tolist() for n in known}, len(rows)))
        try:
            values = self._runtime.predict(table)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}" if self._quotes else type(error).__name__
            raise RequestError(f"The model cannot take these rows: {reason}") from error
        return np.array(values) if self._width == 1 else np.reshape(values, (len(rows), self._width))


def _load_pyfunc(path: str) -> PyfuncModel:
    folder = Path(path)
    package = Package.read(folder)
    return PyfuncModel(package, load(package, folder))
