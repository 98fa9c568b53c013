"""The Open Inference Protocol V2: tensors to named columns.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from intermodal.platform.protocol.signature import Signature
from intermodal.serving.errors import RequestError, describe, join_names
from intermodal.serving.protocol import binary
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.input_tensor import Tensor
from intermodal.serving.protocol.table import Named

INTEGERS = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
DATATYPES = {"BOOL", "BYTES", "FP16", "FP32", "FP64"} | INTEGERS


def columns_of(inputs: list[Tensor], signature: Signature) -> Named:
    """One tensor per column, or a single tensor [n, k] with all k columns when every column is a number."""
    if not inputs:
        raise RequestError(f"'inputs' is empty; this model takes: {join_names(c.name for c in signature.inputs)}.")
    shaped = {column.name: column for column in signature.inputs if column.is_tensor}
    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].shape[1] > 1 and inputs[0].name not in shaped:
        return _matrix(inputs[0], signature)
    columns: dict[str, Values] = {}
    rows = inputs[0].shape[0] if inputs[0].shape else -1
    common = [rows]
    for tensor in inputs:
        data = tensor.data
        if column := shaped.get(tensor.name):
            from intermodal.serving.protocol import arrays  # NumPy, which other models do without

            data = arrays.of_tensor(tensor, column)
        elif tensor.shape != common or len(data) != rows or tensor.datatype not in DATATYPES:
            data = _vector(tensor)
            if len(data) != rows:
                raise RequestError(
                    f"Input {describe(tensor.name)} has {len(data)} rows and {describe(inputs[0].name)} has "
                    f"{describe(rows)}; all inputs need the same number."
                )
        columns[tensor.name] = data
    if len(columns) != len(inputs):
        raise RequestError(f"Input {describe(_first_repeated(inputs))} is given twice.")
    return Named(columns, rows)


def _first_repeated(inputs: list[Tensor]) -> str:
    seen: set[str] = set()
    for tensor in inputs:
        if tensor.name in seen:
            return tensor.name
        seen.add(tensor.name)
    return ""


def _vector(tensor: Tensor) -> Values:
    """The values of a tensor whose shape is not [n]. RequestError when it is not [n, 1], or does not fit the data."""
    shape, data, name = tensor.shape, binary.unpacked(tensor), tensor.name
    if tensor.datatype not in DATATYPES:
        raise RequestError(
            f"Input {describe(name)}: unknown datatype {describe(tensor.datatype)}, "
            "expected BOOL, INT64, FP64 or BYTES."
        )
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)) or shape[0] < 0:
        raise RequestError(f"Input {describe(name)}: expected the shape [n] or [n, 1].")
    if len(data) != shape[0]:
        raise RequestError(
            f"Input {describe(name)}: shape and data disagree, {describe(shape[0])} rows and {len(data)} values."
        )
    if len(shape) == 2 and data and type(data[0]) is list:
        return _flat(tensor, data, 1)
    return data


def _matrix(tensor: Tensor, signature: Signature) -> Named:
    rows, width = tensor.shape
    names = [column.name for column in signature.inputs]
    if any(column.datatype == "BYTES" or column.is_tensor for column in signature.inputs):
        raise RequestError(
            f"Input {describe(tensor.name)}: this model takes more than numbers, so one input a column is expected."
        )
    if width != len(names) or rows < 0:
        raise RequestError(
            f"Input {describe(tensor.name)}: expected the shape [n, {len(names)}], "
            f"the columns being {join_names(names)}."
        )
    data = binary.unpacked(tensor)
    data = _flat(tensor, data, width) if data and type(data[0]) is list else data
    if len(data) != rows * width:
        raise RequestError(
            f"Input {describe(tensor.name)}: shape and data disagree, expected {describe(rows * width)} "
            f"values, got {len(data)}."
        )
    return Named({name: data[i::width] for i, name in enumerate(names)}, rows)


def _flat(tensor: Tensor, data: Values, width: int) -> Values:
    flat: Values = []
    for row, part in enumerate(data):
        if type(part) is not list or len(part) != width:
            raise RequestError(f"Input {describe(tensor.name)}, row {row}: expected a list of {width} values.")
        flat += part
    return flat
