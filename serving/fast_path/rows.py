"""The fast path for V2 bodies: from bytes to prediction with one generated decoder.

It handles a body that has every column of the signature, each with values of its exact type. A decoder made for the
signature reads it, in a fraction of the time that the general path takes (bodies.py, tensors.py, table.py). Any other
body is declined with None and falls back to the general path, which owns conversions and validation errors.
tests/serving/fast_path/test_rows.py compares both paths.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple, Optional

import msgspec

from intermodal.platform.protocol.signature import INTEGERS, Column, Signature
from intermodal.serving.fast_path.responses import ResponseWriter
from intermodal.serving.prediction import Prediction
from intermodal.serving.protocol import tensors
from intermodal.serving.protocol.table import codes_of, doubles, numbers_of

MAX_EXACT_INT = 2**53 - 1
"""float64 holds every integer up to here. Larger ones need the rules of the general path."""
TYPES: dict[str, Any] = {
    "FP64": float,
    **{
        name: Annotated[int, msgspec.Meta(ge=max(low, -MAX_EXACT_INT), le=min(high, MAX_EXACT_INT))]
        for name, (low, high) in INTEGERS.items()
    },
    "BOOL": bool,
    "BYTES": str,
}
"""A model with an input of another datatype has no fast path: floats of fewer bits need to be rounded."""
DATATYPES = Literal[tuple(sorted(tensors.DATATYPES))]  # type: ignore[valid-type]
Fields = list[tuple[str, Any] | tuple[str, Any, Any]]
Parameters = dict[str, Any] | None
STRICT: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False}


class _Unsupported(Exception):
    """The body needs the general path."""


class ParsedTensors(NamedTuple):
    """A request's id and its tensors, in the signature's order."""

    id: str | None
    tensors: Sequence[Any]


class TensorReader:
    """Decodes bodies that have one tensor per column. ``shape`` is the type of a tensor's shape, ``data`` the container
    of its values (tuple or list). Raises DecodeError or _Unsupported for any other body."""

    def __init__(self, columns: Sequence[Column], shape: Any, data: Any) -> None:
        types = [self._tensor_type(column, shape, data) for column in columns]
        inputs = GenericAlias(list, reduce(or_, types))
        fields: Fields = [("inputs", inputs), ("id", str | None, None), ("parameters", Parameters, None)]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Body", fields, **STRICT)).decode
        self._types, self._position = tuple(types), {type_: i for i, type_ in enumerate(types)}

    @staticmethod
    def _tensor_type(column: Column, shape: Any, data: Any) -> type[msgspec.Struct]:
        value = Optional[TYPES[column.datatype]] if column.nullable else TYPES[column.datatype]  # noqa: UP045
        fields: Fields = [
            ("shape", shape),
            ("datatype", DATATYPES),
            ("data", data[value]),
            ("parameters", Parameters, None),
        ]
        return msgspec.defstruct("Tensor", fields, tag_field="name", tag=column.name, **STRICT)

    def read(self, body: bytes) -> ParsedTensors:
        request: Any = self._decode(body)
        inputs = request.inputs
        if tuple(map(type, inputs)) != self._types:
            inputs = sorted(inputs, key=lambda tensor: self._position[type(tensor)])
            if tuple(map(type, inputs)) != self._types:
                raise _Unsupported
        return ParsedTensors(request.id, inputs)


class FastRows:
    """Predicts up to ``max_rows`` rows. ``predict`` takes numbers as in ``table.Table`` and the count of rows. The
    signature must have no text column without categories."""

    def __init__(
        self,
        signature: Signature,
        model: str,
        version: str,
        predict: Callable[[bytes, int], list[float]],
        max_rows: int,
    ) -> None:
        columns = signature.inputs
        self._predict, self._max_rows = predict, max_rows
        self._row_reader = TensorReader(columns, tuple[Literal[1]], tuple)
        self._batch_reader = TensorReader(columns, tuple[int], list)
        self._codes = [(i, codes_of(column)) for i, column in enumerate(columns) if column.datatype == "BYTES"]
        self._numbers = [numbers_of(column) for column in columns]
        self._write = ResponseWriter(signature, model, version).write

    def predict(self, body: bytes) -> Prediction | None:
        """None when the body needs the general path."""
        try:
            try:
                id_, numbers, rows = self._read_row(body)
            except msgspec.ValidationError:
                id_, numbers, rows = self._read_batch(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, _Unsupported):
            return None
        values = self._predict(numbers, rows)
        return Prediction(self._write(id_, rows, values), id_, rows, numbers, values)

    def _read_row(self, body: bytes) -> tuple[str | None, bytes, int]:
        id_, inputs = self._row_reader.read(body)
        row = [tensor.data[0] for tensor in inputs]
        for i, codes in self._codes:
            row[i] = codes[row[i]]
        return id_, doubles(row), 1

    def _read_batch(self, body: bytes) -> tuple[str | None, bytes, int]:
        id_, inputs = self._batch_reader.read(body)
        rows = len(inputs[0].data)
        shape = (rows,)
        if not 0 < rows <= self._max_rows or any(t.shape != shape or len(t.data) != rows for t in inputs):
            raise _Unsupported
        parts = [numbers(tensor.data) for tensor, numbers in zip(inputs, self._numbers, strict=True)]
        return id_, b"".join(parts), rows
