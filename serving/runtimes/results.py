"""What a model's own call returns, as numbers row by row."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from intermodal.platform.protocol.package import Package


class Results:
    """Reads the results of one model: an array, or a map of arrays by the names of the outputs."""

    def __init__(self, package: Package) -> None:
        signature = package.signature
        self._names = [output.name for output in signature.outputs if not output.is_label]
        self._positive_only, self._width = package.task == "binary", signature.width

    def numbers(self, result: Any, rows: int) -> list[float]:
        """The numbers of all outputs row by row: rows x width. ValueError when the model gave another count."""
        parts = [result[name] for name in self._names] if isinstance(result, Mapping) else [result]
        first, *others = [np.asarray(part, dtype=np.float64).reshape(rows, -1) for part in parts]
        if self._positive_only and first.shape[1] == 2:
            first = first[:, 1:]
        together = np.concatenate([first, *others], axis=1) if others else first
        if together.shape[1] != self._width:
            raise ValueError(f"the model gave {together.shape[1]} numbers a row, expected {self._width}")
        flat: list[float] = together.ravel().tolist()
        return flat
