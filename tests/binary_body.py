"""Requests with binary tensors, as KServe's client writes them."""

import json
from collections.abc import Mapping, Sequence
from struct import pack
from typing import Any

from intermodal.serving.protocol.binary import CODES


def encode(datatype: str, values: Sequence[Any]) -> bytes:
    if datatype == "BYTES":
        return b"".join(pack("<I", len(value.encode())) + value.encode() for value in values)
    return pack(f"<{len(values)}{CODES[datatype]}", *values)


def tensor(name: str, datatype: str, shape: Sequence[int], size: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": size}}


def body_of(rows: Sequence[Mapping[str, Any]], datatypes: Mapping[str, str], padding: bytes = b"") -> bytes:
    """A body as KServe's client writes it: JSON, then the columns' bytes in the order of the inputs."""
    parts = [encode(datatype, [row[name] for row in rows]) for name, datatype in datatypes.items()]
    inputs = [
        tensor(name, kind, [len(rows)], len(part)) for (name, kind), part in zip(datatypes.items(), parts, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "id": "7", "parameters": {"binary_data_output": True}}).encode()
    return head + padding + b"".join(parts)
