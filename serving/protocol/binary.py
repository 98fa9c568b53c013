"""V2's binary tensors: a body is JSON, then the bytes of the tensors whose ``binary_data_size`` it names, in order.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html

A client sends the length of the JSON in the header ``Inference-Header-Content-Length``, which some platforms do not
pass on. So the header is not read: the JSON's own end is the same on every target. Answers are
JSON, because the header of an answer would be lost on the same targets; clients read an answer without it as JSON.
"""

import json
from collections.abc import Sequence
from struct import calcsize, unpack, unpack_from
from struct import error as WrongLength
from typing import Any

from intermodal.serving.errors import RequestError, describe
from intermodal.serving.protocol.input_tensor import Absent, Packed, Tensor

SIZE = "binary_data_size"
WHITESPACE = b" \t\r\n"
"""JSON's."""
CODES = {
    "BOOL": "?", "FP16": "e", "FP32": "f", "FP64": "d",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
}  # fmt: skip
"""``struct``'s code of each datatype with a fixed size. Bytes are little-endian, row by row."""


def split(body: bytes) -> tuple[bytes, bytes]:
    """The JSON object at the start of a body, and the bytes behind it. ValueError or RecursionError when the body does
    not start with a JSON object."""
    text = body.decode("latin-1")  # a character is a byte, and no byte of JSON's own signs changes its meaning
    start = len(body) - len(body.lstrip(WHITESPACE))
    value, end = json.JSONDecoder().raw_decode(text, start)
    if not isinstance(value, dict):
        raise ValueError("the body does not start with a JSON object")
    return body[:end], body[end:]


def attach(inputs: Sequence[Tensor], tail: bytes) -> None:
    """Give every tensor without ``data`` its values from the bytes behind the JSON. RequestError names the input."""
    sizes = [_size(tensor) for tensor in inputs]
    total = sum(sizes)
    gap, position = tail[: len(tail) - total], len(tail) - total
    if position < 0 or gap.strip(WHITESPACE):
        raise RequestError(
            f"The body has {len(tail)} bytes behind its JSON; its inputs' {SIZE} are {describe(total)} bytes together."
        )
    for tensor, size in zip(inputs, sizes, strict=True):
        if isinstance(tensor.data, Absent):
            tensor.data = Packed(tail[position : position + size])
            position += size


def _size(tensor: Tensor) -> int:
    size = (tensor.parameters or {}).get(SIZE)
    if not isinstance(tensor.data, Absent):
        if size is not None:
            raise RequestError(f"Input {describe(tensor.name)} has both 'data' and {SIZE}; expected one of them.")
        return 0
    if type(size) is not int or size < 0:
        raise RequestError(f"Input {describe(tensor.name)} has no 'data'; expected it, or {SIZE} in its parameters.")
    return size


def unpacked(tensor: Tensor) -> list[Any]:
    """The values of a tensor that came as JSON or as bytes. RequestError when bytes do not fit the datatype."""
    if not isinstance(tensor.data, Packed):
        return tensor.data
    part = tensor.data.part
    if tensor.datatype == "BYTES":
        return _texts(tensor.name, part)
    code = CODES.get(tensor.datatype)
    if code is None:
        raise RequestError(f"Input {describe(tensor.name)}: no binary datatype {describe(tensor.datatype)}.")
    count, left = divmod(len(part), calcsize(f"<{code}"))
    if left:
        raise RequestError(f"Input {describe(tensor.name)}: {len(part)} bytes are no number of {tensor.datatype}.")
    return list(unpack(f"<{count}{code}", part))


def _texts(name: str, part: bytes) -> list[Any]:
    """Texts in UTF-8, each after its length in bytes (uint32)."""
    texts, position = [], 0
    try:
        while position < len(part):
            (length,) = unpack_from("<I", part, position)
            position += 4 + length
            if position > len(part):
                raise WrongLength
            texts.append(part[position - length : position].decode())
    except WrongLength as error:
        raise RequestError(f"Input {describe(name)}: a text's length is beyond the end of its bytes.") from error
    except UnicodeDecodeError as error:
        raise RequestError(f"Input {describe(name)}, row {len(texts)}: the text is not UTF-8.") from error
    return texts
