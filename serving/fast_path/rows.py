"""Plain rows at the speed of the machine: what nearly every request is, from its bytes to its answer in one go.

A V2 body whose columns are all there, each with values of its own type, is read by a decoder made for the signature,
predicted and answered here, in a fraction of the time that the general way takes (bodies.py, tensors.py, table.py).
Whatever is not plain is declined: the general way then answers it, or says what is wrong with it. So this file knows
no errors, and tests/serving/fast_path/test_rows.py holds it against the general way.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, Optional

import msgspec

from intermodal.platform.protocol.signature import Column, Signature
from intermodal.serving.answered import Answered
from intermodal.serving.protocol import tensors
from intermodal.serving.protocol.table import codes_of, doubles, numbers_of

EXACT = 2**53 - 1
"""Beyond it float64 does not hold every integer; the general way has the exact rules."""
TYPES: dict[str, Any] = {
    "FP64": float,
    "INT64": Annotated[int, msgspec.Meta(ge=-EXACT, le=EXACT)],
    "BOOL": bool,
    "BYTES": str,
}
DATATYPES = Literal[tuple(sorted(tensors.DATATYPES))]  # type: ignore[valid-type]
Fields = list[tuple[str, Any] | tuple[str, Any, Any]]
Parameters = dict[str, Any] | None
STRICT: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False}


class _NotPlain(Exception):
    """For the general way."""


class Read(NamedTuple):
    """A request's tensors in the signature's order."""

    id: str | None
    tensors: Sequence[Any]


class Reader:
    """Reads bodies with a tensor a column: ``shape`` is the type of a tensor's shape, ``data`` the
    one that its values make, tuple or list. What does not fit is a DecodeError or _NotPlain."""

    def __init__(self, columns: Sequence[Column], shape: Any, data: Any) -> None:
        kinds = [self._kind(column, shape, data) for column in columns]
        inputs = GenericAlias(list, reduce(or_, kinds))
        fields: Fields = [("inputs", inputs), ("id", str | None, None), ("parameters", Parameters, None)]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Body", fields, **STRICT)).decode
        self._kinds, self._place = tuple(kinds), {kind: i for i, kind in enumerate(kinds)}

    @staticmethod
    def _kind(column: Column, shape: Any, data: Any) -> type[msgspec.Struct]:
        value = Optional[TYPES[column.datatype]] if column.nullable else TYPES[column.datatype]  # noqa: UP045
        fields: Fields = [
            ("shape", shape),
            ("datatype", DATATYPES),
            ("data", data[value]),
            ("parameters", Parameters, None),
        ]
        return msgspec.defstruct("Tensor", fields, tag_field="name", tag=column.name, **STRICT)

    def read(self, body: bytes) -> Read:
        request: Any = self._decode(body)
        given = request.inputs
        if tuple(map(type, given)) != self._kinds:
            given = sorted(given, key=lambda tensor: self._place[type(tensor)])
            if tuple(map(type, given)) != self._kinds:
                raise _NotPlain
        return Read(request.id, given)


class PlainRows:
    """``predict`` takes rows as ``table.Table.numbers`` has them, and their count, at most ``most``. The signature has
    no text without categories."""

    def __init__(
        self, signature: Signature, model: str, version: str, predict: Callable[[bytes, int], list[float]], most: int
    ) -> None:
        columns = signature.inputs
        self._predict, self._most, self._encode = predict, most, msgspec.json.Encoder().encode
        self._one = Reader(columns, tuple[Literal[1]], tuple)
        self._several = Reader(columns, tuple[int], list)
        self._codes = [(i, codes_of(column)) for i, column in enumerate(columns) if column.datatype == "BYTES"]
        self._numbers = [numbers_of(column) for column in columns]
        empty = tensors.answer(model, version, None, signature, [0.0] * signature.output.width)
        before, _, after = self._encode(empty).partition(b'"shape":[1')
        self._before, self._between = before + b'"shape":[', after.partition(b"[0.0")[0]

    def answer(self, body: bytes) -> Answered | None:
        """None when the general way has to look at it."""
        try:
            try:
                id_, numbers, rows = self._one_row(body)
            except msgspec.ValidationError:
                id_, numbers, rows = self._rows(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, _NotPlain):
            return None
        values = self._predict(numbers, rows)
        tail = b"}]}" if id_ is None else b'}],"id":%b}' % self._encode(id_)
        text = b"%b%d%b%b%b" % (self._before, rows, self._between, self._encode(values), tail)
        return Answered(text, id_, rows, numbers, values)

    def _one_row(self, body: bytes) -> tuple[str | None, bytes, int]:
        id_, given = self._one.read(body)
        row = [tensor.data[0] for tensor in given]
        for i, codes in self._codes:
            row[i] = codes[row[i]]
        return id_, doubles(row), 1

    def _rows(self, body: bytes) -> tuple[str | None, bytes, int]:
        id_, given = self._several.read(body)
        rows = len(given[0].data)
        shape = (rows,)
        if not 0 < rows <= self._most or any(one.shape != shape or len(one.data) != rows for one in given):
            raise _NotPlain
        parts = [numbers(one.data) for one, numbers in zip(given, self._numbers, strict=True)]
        return id_, b"".join(parts), rows
