"""Bodies of the Open Inference Protocol V2: rows in, predictions out, as a client sees them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.signature import Signature

GOLDEN_ID = "intermodal-golden"
"""The id of every request that Intermodal itself makes of golden rows: a body's id comes through every cloud, whatever
headers it drops. Such a request is nobody's, so no server logs it."""


def request_body(signature: Signature, rows: Sequence[Mapping[str, Any]], id: str = "") -> bytes:
    """Rows (one dict a row, absent or None for missing) as the body of ``POST /v2/models/<model>/infer``.

    ``id`` is the caller's own; the prediction log keeps it, so that a label can find its prediction.
    """
    inputs = [
        {
            "name": column.name,
            "datatype": column.datatype,
            "shape": [len(rows)],
            "data": [row.get(column.name) for row in rows],
        }
        for column in signature.inputs
    ]
    return json.dumps({**({"id": id} if id else {}), "inputs": inputs}).encode()


def golden_body(signature: Signature, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Golden rows, for Intermodal itself to ask."""
    return request_body(signature, rows, GOLDEN_ID)


def predictions(body: bytes) -> list[list[float]]:
    """The first output of a V2 answer, one list a row; IntermodalError when it is not a V2 answer."""
    try:
        output = json.loads(body)["outputs"][0]
        rows, data = int(output["shape"][0]), output["data"]
        width = len(data) // rows if rows else 0
        return [[float(x) for x in data[i * width : (i + 1) * width]] for i in range(rows)]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        text = body[:200].decode(errors="replace")
        raise IntermodalError(f"Not an answer of the Open Inference Protocol: {text}") from error
