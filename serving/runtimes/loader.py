"""Which code runs a model, by its package's format."""

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
        """Up to so many rows are predicted in the event loop; more go to a thread."""

    @property
    def predict_numbers(self) -> Callable[[bytes, int], list[float]] | None:
        """``predict`` of ``Table.numbers`` and the count of its rows; None when numbers are not enough."""

    def predict(self, table: Table) -> list[float]:
        """One row's outputs after the other's, rows x width numbers; never called with no rows."""


def load(package: Package, folder: Path) -> Runtime:
    """Load the model's file; StartError says why it cannot be."""
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
