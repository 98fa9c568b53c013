"""Values of FOCUS files as decimals and times.

Formats: the attributes Numeric format and Date/time format of the specification. A column is converted by Arrow at
once; only one that Arrow refuses is read value by value.
"""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

from intermodal.platform.cost.focus.columns import MONEY, TIME
from intermodal.platform.errors import SpecError

_SMALLEST = Decimal(1).scaleb(-18)
_CONTEXT = Context(prec=38, rounding=ROUND_HALF_EVEN)


def decimals(column: pa.ChunkedArray, where: str) -> tuple[pa.ChunkedArray, int]:
    """As MONEY, and how many values were rounded to 18 decimals. A float is taken by its shortest text: 0.1 is 0.1.
    SpecError names the row of what is no number."""
    if pa.types.is_floating(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = blank_as_null(column)
    try:
        return column.cast(MONEY), 0
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = [_decimal(value, where, row) for row, value in enumerate(column.to_pylist(), start=1)]
    rounded = sum(1 for _, exact in values if not exact)
    return pa.chunked_array([pa.array([value for value, _ in values], MONEY)]), rounded


def _decimal(value: object, where: str, row: int) -> tuple[Decimal | None, bool]:
    if value is None:
        return None, True
    try:
        number = Decimal(str(value).strip())
        if not number.is_finite():
            raise InvalidOperation
        kept = number.quantize(_SMALLEST, context=_CONTEXT)
    except InvalidOperation as error:
        hint = "Numbers are written as 1234.56 or 1.2E-7, without a currency, below 10^20."
        raise SpecError(f"{where}, row {row}: {str(value)!r} is no amount.", hint=hint) from error
    return kept, kept == number


def times(column: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    """As TIME. Without a zone it is UTC. 24:00 is the next day's 00:00, and year 1, which some exports write for no
    time, is null. SpecError names the row of what is no time."""
    if pa.types.is_timestamp(column.type):
        return _known(column.cast(TIME) if column.type.tz else column.cast(pa.timestamp("us")).cast(TIME))
    if pa.types.is_date(column.type):
        return _known(column.cast(pa.timestamp("us")).cast(TIME))
    column = blank_as_null(column.cast(pa.string()))
    try:
        return _known(column.cast(TIME))
    except pa.ArrowInvalid:
        read = [_time(value, where, row) for row, value in enumerate(column.to_pylist(), start=1)]
        return _known(pa.chunked_array([pa.array(read, TIME)]))


def _time(value: str | None, where: str, row: int) -> datetime | None:
    if value is None:
        return None
    text = value.strip().removesuffix(" UTC")
    midnight = "T24:00" in text or " 24:00" in text
    try:
        read = datetime.fromisoformat(text.replace("T24:", "T00:").replace(" 24:", " 00:") if midnight else text)
    except ValueError as error:
        hint = "Times are ISO 8601 in UTC, as 2026-11-01T00:00:00Z."
        raise SpecError(f"{where}, row {row}: {value!r} is no time.", hint=hint) from error
    if read.year == 1:
        return None
    read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    return read + timedelta(days=1) if midnight else read


def _known(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(pc.year(column), 1), pa.scalar(None, TIME), column)


def blank_as_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Nulls of CSV: an empty field, or the text NULL (attribute Null handling forbids others)."""
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pc.or_(pc.equal(trimmed, ""), pc.equal(pc.utf8_lower(trimmed), "null"))
    return pc.if_else(missing, pa.scalar(None, column.type), column)
