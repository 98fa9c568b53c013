"""The runtime of ONNX graphs. A graph has an input for each column, or one matrix of columns that are numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Column
from intermodal.serving.protocol.table import Table
from intermodal.serving.runtimes.conversion.torch_export import graph_of, is_module
from intermodal.serving.runtimes.onnx_graph import Graph
from intermodal.serving.runtimes.results import Results


class OnnxNetwork:
    """An ``onnx.ModelProto`` that predicts from a DataFrame, as the server does it."""

    is_network = True

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._graph: Graph | None = None

    def predict(self, frame: Any) -> Any:
        """The numeric outputs by name. Raises as of ``Graph``."""
        if self._graph is None:
            self._graph = Graph(self.model, [str(name) for name in frame.columns], "The ONNX graph")
        return self._graph.run([_cells(frame[name]) for name in frame.columns], len(frame))


class OnnxRuntime:
    """ONNX Runtime. A call may take milliseconds and releases the GIL, so every call goes to a thread."""

    file, holds_code, packages = "model.onnx", False, ("onnx", "onnxruntime", "onnxscript", "torch")
    inline_rows = 0
    predict_numbers = None

    @staticmethod
    def estimator(returned: Any, inputs: Any) -> OnnxNetwork | None:
        if type(returned).__name__ == "ModelProto":
            return OnnxNetwork(returned.SerializeToString())
        if is_module(returned):
            columns = {str(name): _cells(inputs[name]) for name in inputs.columns}
            return OnnxNetwork(graph_of(returned, inputs, columns))
        return None

    @staticmethod
    def takes(estimator: Any) -> bool:
        return isinstance(estimator, OnnxNetwork)

    @staticmethod
    def conversion(estimator: Any, columns: Sequence[Column]) -> None:
        """A graph is the estimator itself."""

    @staticmethod
    def write(estimator: Any, path: Path, columns: Sequence[Column], sensitive: Sequence[str]) -> None:
        del columns, sensitive  # a graph has no statistics of the rows
        path.write_bytes(estimator.model)

    def __init__(self, package: Package, folder: Path) -> None:
        path = folder / package.file
        self._graph = Graph(path.read_bytes(), [column.name for column in package.signature.inputs], str(path))
        self._names = [output.name for output in package.signature.outputs if not output.is_label]
        self._results = Results(package)

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row. ValueError has ONNX Runtime's own reason."""
        found = self._graph.run(table.columns, table.rows).values()
        return self._results.numbers(dict(zip(self._names, found, strict=True)), table.rows)


def _cells(values: Any) -> Any:
    """A column of a DataFrame: an array of tensors, or a list in which a missing value is None."""
    import numpy as np
    import pandas as pd

    cells = values.tolist()
    if cells and isinstance(cells[0], np.ndarray):
        return np.stack(cells)
    return [None if pd.isna(cell) else cell for cell in cells]
