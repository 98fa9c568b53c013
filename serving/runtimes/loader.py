"""Select the runtime of a model by its package's format."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from intermodal.platform.protocol.package import Package
from intermodal.serving.errors import StartError
from intermodal.serving.protocol.table import Table


class Runtime(Protocol):
    """A loaded model. ``predict`` may be called from several threads at once."""

    @property
    def inline_rows(self) -> int:
        """The most rows that are predicted in the event loop. More rows go to a thread."""

    @property
    def predict_numbers(self) -> Callable[[bytes, int], list[float]] | None:
        """Predict from ``Table.numbers`` and the count of rows. None when the model needs more than numbers."""

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row: rows x width numbers. The table has at least one row."""


def load(package: Package, folder: Path) -> Runtime:
    """Load the model's file. Raises StartError with the reason when that fails."""
    if not (folder / package.file).is_file():
        raise StartError(f"{folder} has no file '{package.file}', which its descriptor names.")
    match package.format:
        case "lightgbm":
            from intermodal.serving.runtimes.lightgbm import LightgbmRuntime

            return LightgbmRuntime(package, folder)
        case "sklearn":
            from intermodal.serving.runtimes.sklearn import SklearnRuntime

            return SklearnRuntime(package, folder)
        case other:
            raise StartError(f"{folder}: unknown format '{other}', expected lightgbm or sklearn.")
