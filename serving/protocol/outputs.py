"""Predictions as a response: V2's outputs, and the rows of the other forms.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from collections.abc import Sequence
from typing import Any

from intermodal.platform.protocol.signature import INTEGERS, Output, Signature
from intermodal.serving.errors import RequestError, describe, join_names
from intermodal.serving.protocol.bodies import RequestedOutput

Values = list[Any]


def requested(outputs: Sequence[RequestedOutput] | None, signature: Signature) -> tuple[Output, ...]:
    """The outputs that a request wants, in its order; all of them when it names none. RequestError for one that the
    model does not have."""
    if not outputs:
        return signature.outputs
    if any("classification" in (output.parameters or {}) for output in outputs):
        raise RequestError(
            "The extension 'classification' is not supported; a classifier's output 'label' has the class."
        )
    known = {output.name: output for output in signature.outputs}
    if unknown := next((output.name for output in outputs if output.name not in known), None):
        raise RequestError(f"Unknown output {describe(unknown)}; this model gives: {join_names(known)}.")
    return tuple(known[name] for name in dict.fromkeys(output.name for output in outputs))


def data_of(output: Output, signature: Signature, values: list[float]) -> Values:
    """The values of one output, flat in row-major order. ``values`` has the numbers of all outputs row by row."""
    width, total = signature.output.width, signature.width
    if output.is_label:
        return [label_of(signature.output, values[i : i + width]) for i in range(0, len(values), total)]
    if output.width == total:
        part: Values = values
    else:
        others = signature.outputs[: signature.outputs.index(output)]
        start = sum(other.width for other in others)
        part = [x for i in range(start, len(values), total) for x in values[i : i + output.width]]
    if output.datatype == "BOOL":
        return [bool(x) for x in part]
    return [int(x) for x in part] if output.datatype in INTEGERS else part


def label_of(output: Output, numbers: Sequence[float]) -> str:
    """The most probable class of a row, as scikit-learn's ``predict`` chooses it: the first of equals."""
    if output.width == 1:
        return output.labels[numbers[0] > 0.5]
    return output.labels[max(range(len(numbers)), key=numbers.__getitem__)]


def answer(
    model: str,
    version: str,
    request_id: str | None,
    signature: Signature,
    values: list[float],
    outputs: tuple[Output, ...] = (),
) -> dict[str, Any]:
    """The body of a V2 response with these outputs, by default all. Parameters name the classes."""
    rows = len(values) // signature.width
    tensors = [
        {
            "name": output.name,
            "datatype": output.datatype,
            "shape": [rows, *output.shape],
            **({"parameters": parameters} if (parameters := output.parameters) else {}),
            "data": data_of(output, signature, values),
        }
        for output in outputs or signature.outputs
    ]
    body: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": tensors}
    if request_id is not None:
        body["id"] = request_id
    return body


def rows_of(signature: Signature, values: list[float]) -> Values:
    """What the other forms answer: a value or a list for each row, and an object for each when there are several
    outputs beside the label."""
    numbers = [output for output in signature.outputs if not output.is_label]
    if len(numbers) == 1:
        return _nested(numbers[0], values)
    named = {output.name: _nested(output, data_of(output, signature, values)) for output in numbers}
    return [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]


def _nested(output: Output, data: Values) -> Values:
    for length in reversed(output.shape):
        data = [data[i : i + length] for i in range(0, len(data), length)]
    return data
