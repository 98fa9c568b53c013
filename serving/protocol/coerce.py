"""Convert one column of a request to the type in the signature.

Accepted values by type:
FP64   finite numbers, and text that is exactly a number
INT64  integers of 64 bits, numbers without a fraction, and text of either
BOOL   true and false, 0 and 1, and the text "true", "false", "0", "1"
BYTES  text only; a number is rejected, since 1 and 1.0 would be two texts
null and NaN are missing values, accepted where the column is nullable.
"""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from intermodal.platform.protocol.prediction_log import kept
from intermodal.platform.protocol.signature import Column
from intermodal.serving.errors import RequestError, describe

Values = list[Any]
Unseen = dict[str, dict[int, str]]
"""Categories that training did not see, by column and row (from 0), shortened as in the prediction log."""
Coerce = Callable[[Values, Unseen], Values]
"""Raw values → typed values. A missing value becomes None, and so does an unseen category, which is added to the
dict."""

EXPECTED = {
    "FP64": "a finite number (FP64)",
    "INT64": "an integer of 64 bits (INT64)",
    "BOOL": "true or false (BOOL)",
    "BYTES": "a string (BYTES)",
}
NUMBER = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,4})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
BOOLS: dict[Any, bool] = {"true": True, "false": False, "0": False, "1": True}
MIN_INT64, MAX_INT64 = -(2**63), 2**63 - 1


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


def _to_int(value: Any) -> int:
    if type(value) is str:
        if INTEGER.fullmatch(value):
            value = int(value)
        elif NUMBER.fullmatch(value):
            value = float(value)
    if type(value) is float and isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is int and MIN_INT64 <= value <= MAX_INT64:
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


CONVERT: dict[str, Callable[[Any], Any]] = {"FP64": _to_float, "INT64": _to_int, "BOOL": _to_bool, "BYTES": _to_text}


def _convert_each(column: Column, values: Values) -> Values:
    """Convert value by value. RequestError names the column and the row of a wrong value."""
    convert = CONVERT[column.datatype]
    out: Values = []
    for row, value in enumerate(values):
        if _missing(value):
            if not column.nullable:
                raise RequestError(
                    f"Column {describe(column.name)}, row {row}: the value is missing, "
                    f"expected {EXPECTED[column.datatype]}."
                )
            out.append(None)
            continue
        try:
            out.append(convert(value))
        except _WrongType:
            raise RequestError(
                f"Column {describe(column.name)}, row {row}: expected {EXPECTED[column.datatype]}, "
                f"got {describe(value)}."
            ) from None
    return out


def coercer(column: Column) -> Coerce:
    """The conversion of one column. Values that need no conversion are checked by built-ins, at the speed of C."""
    categories = frozenset(column.categories)

    def floats(values: Values, _: Unseen) -> Values:
        if len(values) == 1:
            if type(values[0]) is float and isfinite(values[0]):
                return values
        elif set(map(type, values)) == {float} and isfinite(sum(values)):
            return values
        return _convert_each(column, values)

    def integers(values: Values, _: Unseen) -> Values:
        if len(values) == 1:
            if type(values[0]) is int and MIN_INT64 <= values[0] <= MAX_INT64:
                return values
        elif set(map(type, values)) == {int} and min(values) >= MIN_INT64 and max(values) <= MAX_INT64:
            return values
        return _convert_each(column, values)

    def booleans(values: Values, _: Unseen) -> Values:
        return _convert_each(column, values)

    def texts(values: Values, unseen: Unseen) -> Values:
        if len(values) == 1 and type(values[0]) is str:
            if not categories or values[0] in categories:
                return values
        elif set(map(type, values)) != {str}:
            values = _convert_each(column, values)
        if not categories or categories.issuperset(values):
            return values
        known = [value if value in categories else None for value in values]
        if known.count(None) > values.count(None):
            pairs = enumerate(values)
            unseen[column.name] = {
                row: kept(value) for row, value in pairs if not (value is None or value in categories)
            }
        return known

    return {"FP64": floats, "INT64": integers, "BOOL": booleans, "BYTES": texts}[column.datatype]
