"""One row at the speed of the machine: the request that nearly all are, from its bytes to its answer in one go.

A body that is plainly one row of the signature is read, predicted and answered here, in a sixth of the time that the
general way takes (bodies.py, tensors.py, table.py). Whatever is not plain is declined: the general way then
answers it, or says what is wrong with it. So this file knows no errors, and tests/serving/test_one_row.py holds it
against the general way.
"""

from collections.abc import Callable
from math import nan
from operator import itemgetter
from struct import Struct
from typing import Any, Literal

import msgspec

from intermodal.platform.signature import Signature
from intermodal.serving import tensors
from intermodal.serving.answered import Answered
from intermodal.serving.table import codes_of

LIMIT = 2.0**53
"""Beyond it float64 does not hold every integer; the general way has the exact rules."""
TYPES = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}


class Tensor(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A V2 input of one value."""

    name: str
    shape: tuple[Literal[1]]
    datatype: Literal[tuple(sorted(tensors.DATATYPES))]  # type: ignore[valid-type]
    data: tuple[Any]
    parameters: dict[str, Any] | None = None


class Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A V2 request that wants no particular output."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None


class _NotPlain(Exception):
    """For the general way."""


class OneRow:
    """``predict`` takes a row as float64 in the signature's order. The signature has no text without categories."""

    def __init__(self, signature: Signature, model: str, version: str, predict: Callable[[bytes], list[float]]) -> None:
        columns = signature.inputs
        self._predict, self._encode = predict, msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Body).decode
        self._width = len(columns)
        names = [column.name for column in columns]
        self._pick: Callable[[dict[str, Any]], tuple[Any, ...]] = (
            itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
        )
        self._types = tuple(TYPES[column.datatype] for column in columns)
        self._nullable = [column.nullable for column in columns]
        self._codes = {i: codes_of(c) for i, c in enumerate(columns) if c.datatype == "BYTES"}
        self._pack = Struct(f"{len(columns)}d").pack
        empty = tensors.answer(model, version, None, signature, [0.0] * signature.output.width)
        empty["outputs"][0]["data"] = []
        self._head = self._encode(empty).removesuffix(b"[]}]}")

    def answer(self, body: bytes) -> Answered | None:
        """None when the general way has to look at it."""
        try:
            request = self._decode(body)
            given = {tensor.name: tensor.data[0] for tensor in request.inputs}
            row = self._pick(given)
            if not len(request.inputs) == len(given) == self._width:
                return None
            numbers = (self._plain if tuple(map(type, row)) == self._types else self._mixed)(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, _NotPlain):
            return None
        values = self._predict(numbers)
        tail = b"}]}" if request.id is None else b'}],"id":%b}' % self._encode(request.id)
        return Answered(self._head + self._encode(values) + tail, request.id, 1, numbers, values)

    def _plain(self, row: tuple[Any, ...]) -> bytes:
        """Every value has its column's type. KeyError: a category that training did not see."""
        numbers = list(row)
        for i, codes in self._codes.items():
            numbers[i] = codes[row[i]]
        if max(numbers) < LIMIT and min(numbers) > -LIMIT:
            return self._pack(*numbers)
        raise _NotPlain

    def _mixed(self, row: tuple[Any, ...]) -> bytes:
        """There are missing values, or whole numbers without a point in a column of fractions."""
        return self._pack(*(self._number(i, value) for i, value in enumerate(row)))

    def _number(self, i: int, value: Any) -> float:
        given, wanted = type(value), self._types[i]
        if value is None and self._nullable[i]:
            return nan
        if given is str and wanted is str:
            return self._codes[i][value]
        if (given is wanted or (given is int and wanted is float)) and -LIMIT < value < LIMIT:
            return float(value)
        raise _NotPlain
