"""Convert one column of a request to the type in the signature.

Accepted values by type:
FP16, FP32, FP64  finite numbers, and text that is exactly a number; rounded to the datatype, as training data was
INT*, UINT*       integers of the datatype, numbers without a fraction, and text of either
BOOL              true and false, 0 and 1, and the text "true", "false", "0", "1"
BYTES             text only; a number is rejected, since 1 and 1.0 would be two texts
points in time    text as in RFC 3339, to the microsecond; without an offset it is UTC
null and NaN are missing values, accepted where the column is nullable.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from math import isfinite
from struct import pack, unpack
from typing import Any

from intermodal.platform.protocol.prediction_log import kept
from intermodal.platform.protocol.signature import FLOATS, INTEGERS, YEARS, Column
from intermodal.serving.errors import RequestError, describe, kind_of

Values = list[Any]
Unseen = dict[str, dict[int, str]]
"""Categories that training did not see, by column and row (from 0), shortened as in the prediction log."""
Coerce = Callable[[Values, Unseen], Values]
"""Raw values → typed values. A missing value becomes None, and so does an unseen category, which is added to the
dict."""

EXPECTED = {
    **{name: f"a finite number ({name})" for name in FLOATS},
    **{name: f"an integer of {name.strip('UINT')} bits ({name})" for name in INTEGERS},
    "BOOL": "true or false (BOOL)",
    "BYTES": "a string (BYTES)",
}
EXPECTED_MOMENT = (
    f'a point in time as in RFC 3339, such as "2026-03-29T01:30:00Z", in the years {YEARS[0]} to {YEARS[1]}'
)
NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
"""https://www.rfc-editor.org/rfc/rfc3339#section-5.6; a date alone is its first moment. Offsets make every local hour
unambiguous, also the one that a clock shows twice."""
BOOLS: dict[Any, bool] = {"true": True, "false": False, "0": False, "1": True}


class _WrongType(Exception):
    """The value is not of the column's type."""


def _missing(value: Any) -> bool:
    return value is None or (type(value) is float and value != value)


def _to_float(value: Any) -> float:
    if type(value) is str and NUMBER.fullmatch(value):
        value = float(value)
    if type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise _WrongType from error
    if type(value) is float and isfinite(value):
        return value
    raise _WrongType


def _to_rounded(code: str, value: Any) -> float:
    """A float of fewer bits. A value beyond its largest is no finite number."""
    try:
        return float(unpack(code, pack(code, _to_float(value)))[0])
    except OverflowError as error:
        raise _WrongType from error


def _to_int(low: int, high: int, value: Any) -> int:
    if type(value) is str:
        if INTEGER.fullmatch(value):
            value = int(value)
        elif NUMBER.fullmatch(value):
            value = float(value)
    if type(value) is float and isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is int and low <= value <= high:
        return value
    raise _WrongType


def _to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) in (int, float) and value in (0, 1):
        return bool(value)
    if type(value) is str and len(value) <= 5 and value.lower() in BOOLS:
        return BOOLS[value.lower()]
    raise _WrongType


def _to_text(value: Any) -> str:
    if type(value) is str:
        return value
    raise _WrongType


def _to_moment(value: Any) -> str:
    """The text of the same point in time in UTC."""
    if type(value) is not str or not MOMENT.fullmatch(value):
        raise _WrongType
    try:
        moment = datetime.fromisoformat(value.upper().replace(" ", "T"))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _WrongType from error
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise _WrongType
    return moment.isoformat()


CONVERT: dict[str, Callable[[Any], Any]] = {
    "FP64": _to_float,
    **{name: partial(_to_rounded, code) for name, code in FLOATS.items() if name != "FP64"},
    **{name: partial(_to_int, *bounds) for name, bounds in INTEGERS.items()},
    "BOOL": _to_bool,
    "BYTES": _to_text,
}


def expected(column: Column) -> str:
    """What a value of the column is, in words."""
    if column.is_tensor:
        return f"a tensor of the shape {list(column.shape)} ({column.datatype})"
    return EXPECTED_MOMENT if column.is_timestamp else EXPECTED[column.datatype]


def _convert_each(column: Column, values: Values, *, hidden: bool = False) -> Values:
    """Convert value by value. RequestError names the column and the row of a wrong value, and the value unless it is
    ``hidden``."""
    convert = _to_moment if column.is_timestamp else CONVERT[column.datatype]
    out: Values = []
    for row, value in enumerate(values):
        if _missing(value):
            if not column.nullable:
                raise RequestError(
                    f"Column {describe(column.name)}, row {row}: the value is missing, expected {expected(column)}."
                )
            out.append(None)
            continue
        try:
            out.append(convert(value))
        except _WrongType:
            got = kind_of(value) if hidden else describe(value)
            raise RequestError(
                f"Column {describe(column.name)}, row {row}: expected {expected(column)}, got {got}."
            ) from None
    return out


def coercer(column: Column, *, hidden: bool = False) -> Coerce:
    """The conversion of one column. Values that need no conversion are checked by built-ins, at the speed of C. No
    error holds a value of a ``hidden`` column."""
    if column.is_tensor:
        from intermodal.serving.protocol import arrays

        return lambda values, _: arrays.of_rows(column, values)
    categories = frozenset(column.categories)

    def floats(values: Values, _: Unseen) -> Values:
        if len(values) == 1:
            if type(values[0]) is float and isfinite(values[0]):
                return values
        elif set(map(type, values)) == {float} and isfinite(sum(values)):
            return values
        return _convert_each(column, values, hidden=hidden)

    low, high = INTEGERS.get(column.datatype, (0, 0))

    def integers(values: Values, _: Unseen) -> Values:
        if len(values) == 1:
            if type(values[0]) is int and low <= values[0] <= high:
                return values
        elif set(map(type, values)) == {int} and min(values) >= low and max(values) <= high:
            return values
        return _convert_each(column, values, hidden=hidden)

    def each(values: Values, _: Unseen) -> Values:
        return _convert_each(column, values, hidden=hidden)

    def texts(values: Values, unseen: Unseen) -> Values:
        if len(values) == 1 and type(values[0]) is str:
            if not categories or values[0] in categories:
                return values
        elif set(map(type, values)) != {str}:
            values = _convert_each(column, values, hidden=hidden)
        if not categories or categories.issuperset(values):
            return values
        known = [value if value in categories else None for value in values]
        if known.count(None) > values.count(None):
            pairs = enumerate(values)
            unseen[column.name] = {
                row: kept(value) for row, value in pairs if not (value is None or value in categories)
            }
        return known

    if column.is_timestamp:
        return each
    ways = {"FP64": floats, "BYTES": texts, **dict.fromkeys(INTEGERS, integers)}
    return ways.get(column.datatype, each)
