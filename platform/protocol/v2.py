"""Bodies of the Open Inference Protocol V2, as a client writes and reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.signature import Signature

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
            "shape": [len(rows)],
            "data": [row.get(column.name) for row in rows],
        }
        for column in signature.inputs
    ]
    return json.dumps({**({"id": id} if id else {}), "inputs": inputs}).encode()


def golden_body(signature: Signature, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The body of Intermodal's own request with golden rows."""
    return request_body(signature, rows, GOLDEN_ID)


def predictions(body: bytes) -> list[list[float]]:
    """The first output of a V2 response, one list per row. Raises IntermodalError when it is not a V2 response."""
    try:
        output = json.loads(body)["outputs"][0]
        rows, data = int(output["shape"][0]), output["data"]
        width = len(data) // rows if rows else 0
        return [[float(x) for x in data[i * width : (i + 1) * width]] for i in range(rows)]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        text = body[:200].decode(errors="replace")
        raise IntermodalError(f"Not an answer of the Open Inference Protocol: {text}") from error
