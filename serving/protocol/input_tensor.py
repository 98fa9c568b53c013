"""An input of a V2 request."""

from typing import Any

import msgspec


class Absent(list[Any]):
    """The data of a tensor that has none in the JSON."""


class Packed(list[Any]):
    """The data of a binary tensor as it came. A tensor of a row's own shape is read from it without a copy."""

    def __init__(self, part: bytes) -> None:
        super().__init__()
        self.part = part


class Tensor(msgspec.Struct):
    """A V2 input: one column (``shape`` [n], [n, 1] or [n, *shape of a row]), or all columns in one matrix ([n, k])."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = msgspec.field(default_factory=Absent)
    parameters: dict[str, Any] | None = None
