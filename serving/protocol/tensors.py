"""The Open Inference Protocol V2: tensors to named columns, and predictions to a response.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any

from intermodal.platform.protocol.signature import Signature
from intermodal.serving.errors import RequestError, describe, join_names
from intermodal.serving.protocol.bodies import RequestedOutput
from intermodal.serving.protocol.coerce import Values
from intermodal.serving.protocol.input_tensor import Tensor
from intermodal.serving.protocol.table import Named

INTEGERS = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
DATATYPES = {"BOOL", "BYTES", "FP16", "FP32", "FP64"} | INTEGERS


def columns_of(inputs: list[Tensor], signature: Signature) -> Named:
    """One tensor per column, or a single tensor [n, k] with all k columns when every column is numeric."""
    if not inputs:
        raise RequestError(f"'inputs' is empty; this model takes: {join_names(c.name for c in signature.inputs)}.")
    if len(inputs) == 1 and len(inputs[0].shape) == 2 and inputs[0].shape[1] > 1:
        return _matrix(inputs[0], signature)
    columns: dict[str, Values] = {}
    rows = inputs[0].shape[0] if inputs[0].shape else -1
    common = [rows]
    for tensor in inputs:
        data = tensor.data
        if tensor.shape != common or len(data) != rows or tensor.datatype not in DATATYPES:
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
    shape, data, name = tensor.shape, tensor.data, tensor.name
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
        return _flat(tensor, 1)
    return data


def _matrix(tensor: Tensor, signature: Signature) -> Named:
    rows, width = tensor.shape
    names = [column.name for column in signature.inputs]
    if any(column.datatype == "BYTES" for column in signature.inputs):
        raise RequestError(
            f"Input {describe(tensor.name)}: this model takes text too, so one input a column is expected."
        )
    if width != len(names) or rows < 0:
        raise RequestError(
            f"Input {describe(tensor.name)}: expected the shape [n, {len(names)}], "
            f"the columns being {join_names(names)}."
        )
    data = _flat(tensor, width) if tensor.data and type(tensor.data[0]) is list else tensor.data
    if len(data) != rows * width:
        raise RequestError(
            f"Input {describe(tensor.name)}: shape and data disagree, expected {describe(rows * width)} "
            f"values, got {len(data)}."
        )
    return Named({name: data[i::width] for i, name in enumerate(names)}, rows)


def _flat(tensor: Tensor, width: int) -> Values:
    flat: Values = []
    for row, part in enumerate(tensor.data):
        if type(part) is not list or len(part) != width:
            raise RequestError(f"Input {describe(tensor.name)}, row {row}: expected a list of {width} values.")
        flat += part
    return flat


def check_outputs(outputs: list[RequestedOutput] | None, signature: Signature) -> None:
    """RequestError for an output that the model does not have. It has one, which is also the default."""
    for output in outputs or ():
        if output.name != signature.output.name:
            raise RequestError(f"Unknown output {describe(output.name)}; this model gives: {signature.output.name}.")


def answer(
    model: str, version: str, request_id: str | None, signature: Signature, values: list[float]
) -> dict[str, Any]:
    """The response body. ``values`` has the outputs row by row. The shape is [n], or [n, width] for several outputs.
    The parameters name the classes."""
    width, parameters = signature.output.width, signature.output.parameters
    output = {
        "name": signature.output.name,
        "datatype": signature.output.datatype,
        "shape": [len(values)] if width == 1 else [len(values) // width, width],
        **({"parameters": parameters} if parameters else {}),
        "data": values,
    }
    body: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": [output]}
    if request_id is not None:
        body["id"] = request_id
    return body
