"""An input of a V2 request."""

from typing import Any

import msgspec


class Absent(list[Any]):
    """The data of a tensor that has none in the JSON."""


class Tensor(msgspec.Struct):
    """A V2 input: one column (``shape`` [n] or [n, 1]), or all columns in one matrix ([n, k])."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = msgspec.field(default_factory=Absent)
    parameters: dict[str, Any] | None = None
