"""An ONNX graph that is run by ONNX Runtime on one thread, from named columns to named arrays.

More threads than one made a call slower on a machine that others use (docs/profiles.md), and the server has a process
for each core.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from intermodal.platform.errors import MissingExtra
from intermodal.serving.errors import StartError, join_names

DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
"""NumPy's dtype of each type of a graph's input."""
LABELS = ("tensor(int64)", "tensor(string)")
"""Types of the label that a converted classifier gives beside its probabilities."""
MAX_REASON_LENGTH = 200


class Graph:
    """``run`` may be called from several threads at once. StartError when the bytes are no graph that can be run, or
    the graph does not take these columns."""

    def __init__(self, model: bytes, columns: Sequence[str], source: str) -> None:
        self._session = _open(model, source)
        self._inputs, self._columns = self._session.get_inputs(), list(columns)
        names = [given.name for given in self._inputs]
        self._is_matrix = len(names) == 1 and names != self._columns
        if not self._is_matrix and (lost := sorted(set(names) ^ set(self._columns))):
            raise StartError(
                f"{source} takes {join_names(names)}, and the columns are {join_names(self._columns)}.",
                hint=f"Give inputs and features the same names; '{lost[0]}' is in one of them only. A graph of one "
                "input gets all columns as a matrix.",
            )
        if odd := [given.name for given in self._inputs if given.type not in DTYPES]:
            raise StartError(f"{source} has an input '{odd[0]}' that is no tensor of numbers, booleans or texts.")
        self._row_by_row = any(given.shape[:1] == [1] for given in self._inputs)
        self.outputs = _outputs(self._session, source)

    def run(self, columns: Sequence[Any], rows: int) -> Mapping[str, Any]:
        """The numeric outputs, [n, ...] each. ``columns`` are in the order of the names. ValueError has the reason when
        the graph does not take them."""
        feeds = self._feeds(columns)
        parts = [feeds]
        if self._row_by_row and rows != 1:  # the graph was exported with one row
            parts = [{name: array[i : i + 1] for name, array in feeds.items()} for i in range(rows)]
        try:
            found = [self._session.run(self.outputs, part) for part in parts]
        except Exception as error:  # ONNX Runtime has an exception for each kind of failure, without a common base
            raise ValueError(" ".join(str(error).split())[:MAX_REASON_LENGTH]) from error
        arrays = found[0] if len(found) == 1 else [np.concatenate(each) for each in zip(*found, strict=True)]
        return dict(zip(self.outputs, arrays, strict=True))

    def _feeds(self, columns: Sequence[Any]) -> dict[str, Any]:
        if self._is_matrix:
            given = self._inputs[0]
            if len(columns) == 1 and isinstance(columns[0], np.ndarray) and columns[0].ndim > 1:
                return {given.name: columns[0].astype(DTYPES[given.type], copy=False)}
            arrays = [_array(name, values, given) for name, values in zip(self._columns, columns, strict=True)]
            return {given.name: np.stack(arrays, axis=1)}
        by_name = dict(zip(self._columns, columns, strict=True))
        feeds = {given.name: _array(given.name, by_name[given.name], given) for given in self._inputs}
        # Converters give each column of a table the shape [n, 1].
        return {
            given.name: feeds[given.name].reshape(-1, 1)
            if feeds[given.name].ndim == 1 and len(given.shape) == 2
            else feeds[given.name]
            for given in self._inputs
        }


def _open(model: bytes, source: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("onnxruntime", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors, which are raised too
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise StartError(f"{source} is no ONNX graph that can be run: {str(error)[:MAX_REASON_LENGTH]}.") from error


def _outputs(session: Any, source: str) -> list[str]:
    """The names of the numeric outputs, fractions first: they have the probabilities. The label of a classifier is left
    out, since the server names the most probable class."""
    found = session.get_outputs()
    if maps := [output.name for output in found if not output.type.startswith("tensor(")]:
        raise StartError(
            f"{source} has an output '{maps[0]}' that is no tensor.",
            hint="Convert a classifier without a map of classes: options={'zipmap': False}.",
        )
    fractions = [output.name for output in found if output.type in ("tensor(float)", "tensor(double)")]
    others = [
        output.name
        for output in found
        if output.name not in fractions
        and output.type != "tensor(string)"
        and not (fractions and output.type in LABELS and len(output.shape) == 1)
    ]
    if not fractions + others:
        raise StartError(f"{source} has no output of numbers.")
    return fractions + others


def _array(name: str, values: Any, given: Any) -> Any:
    """A column as the graph takes it. ONNX Runtime takes a missing text for an unknown one, so it is refused."""
    dtype = DTYPES[given.type]
    if isinstance(values, np.ndarray):
        return values.astype(dtype, copy=False)
    if dtype not in ("float16", "float32", "float64") and any(value is None for value in values):
        raise ValueError(f"column '{name}' has a missing value, which {given.type} cannot hold")
    return np.array(values, dtype=dtype)
