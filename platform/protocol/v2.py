"""Bodies of the Open Inference Protocol V2, as a client writes and reads them."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.protocol.signature import Column, Signature

GOLDEN_ID = "intermodal-golden"
"""The id of Intermodal's own requests with golden rows. They are not traffic, so no server logs them. The id is in the
body, because every target passes the body on, but not every header."""


def request_body(signature: Signature, rows: Sequence[Mapping[str, Any]], id: str = "") -> bytes:
    """The body of ``POST /v2/models/<model>/infer``: one dict per row, with missing values absent or None.

    ``id`` is the caller's own. The prediction log keeps it, so that a label can be joined to its prediction.
    """
    inputs = [
        {
            "name": column.name,
            "datatype": column.datatype,
            "shape": [len(rows), *column.shape],
            "data": _data(column, [row.get(column.name) for row in rows]),
        }
        for column in signature.inputs
    ]
    return json.dumps({**({"id": id} if id else {}), "inputs": inputs}).encode()


def _data(column: Column, values: list[Any]) -> list[Any]:
    """Flattened, in row-major order: V2 permits nested lists too, and some clients and servers know flat ones only.
    SpecError for a row without a list of lists where the column has tensors."""
    for _ in column.shape:
        if not all(isinstance(value, list) for value in values):
            raise SpecError(f"Each row of '{column.name}' needs nested lists of the shape {list(column.shape)}.")
        values = list(chain.from_iterable(values))
    return values


def golden_body(signature: Signature, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of Intermodal's own request with golden rows."""
    return request_body(signature, rows, GOLDEN_ID)


def predictions(body: bytes) -> list[list[float]]:
    """The numbers of a V2 response, one list per row: those of all outputs but labels, in the outputs' order. Raises
    IntermodalError when it is not a V2 response."""
    try:
        return _rows_of([output for output in json.loads(body)["outputs"] if output["datatype"] != "BYTES"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        text = body[:200].decode(errors="replace")
        raise IntermodalError(f"Not an answer of the Open Inference Protocol: {text}") from error


def _rows_of(outputs: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    rows = int(outputs[0]["shape"][0])
    found: list[list[float]] = [[] for _ in range(rows)]
    for output in outputs:
        data, width = output["data"], prod(map(int, output["shape"][1:]))
        if int(output["shape"][0]) != rows or len(data) != rows * width:
            raise ValueError("shape and data disagree")
        for i, row in enumerate(found):
            row += [float(x) for x in data[i * width : (i + 1) * width]]
    return found
