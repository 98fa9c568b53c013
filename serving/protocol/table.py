"""Named columns as a client sent them → the table that a runtime takes: the signature's columns, in its order."""

from collections.abc import Callable, Iterable, Mapping
from math import nan
from struct import error as NotANumber
from struct import pack
from typing import Any, NamedTuple

from intermodal.platform.protocol.signature import Column, Signature
from intermodal.serving.errors import RequestError, listed, shown
from intermodal.serving.protocol.coerce import EXPECTED, Unseen, Values, coercer


class Named(NamedTuple):
    """Raw columns by name, each ``rows`` values long."""

    columns: Mapping[str, Values]
    rows: int


class Table(NamedTuple):
    """Checked columns in the signature's order, each ``rows`` long; None is a missing value or an unseen category.

    ``numbers`` is the same as float64, one column after the other: a category is its code, a missing value NaN, and so
    is text without categories. ``unseen`` has the categories that training did not see.
    """

    columns: list[Values]
    rows: int
    numbers: bytes
    unseen: Unseen


class Checker:
    """Holds raw columns against one signature."""

    def __init__(self, signature: Signature) -> None:
        self._plan = [(column, coercer(column), numbers_of(column)) for column in signature.inputs]
        self.names = [column.name for column in signature.inputs]
        self._known = frozenset(self.names)

    def check(self, named: Named) -> Table:
        """RequestError that names the column (and the row) that does not fit.

        A column the model does not know is refused in every form of body: it is most often a misspelt one that is
        nullable, which would silently become missing.
        """
        given, rows = named
        if not self._known.issuperset(given):
            raise self._unknown(given.keys() - self._known)
        columns: list[Values] = []
        numbers: list[bytes] = []
        unseen: Unseen = {}
        for column, coerce, as_numbers in self._plan:
            raw = given.get(column.name)
            if raw is not None:
                values = coerce(raw, unseen)
            elif column.nullable:
                values = [None] * rows
            else:
                raise RequestError(
                    f"Column {shown(column.name)} is absent, expected {EXPECTED[column.datatype]} in every row."
                )
            columns.append(values)
            numbers.append(as_numbers(values))
        return Table(columns, rows, b"".join(numbers), unseen)

    def _unknown(self, names: set[str]) -> RequestError:
        which = listed(shown(name) for name in sorted(names)[:5])
        return RequestError(f"Unknown column {which}; this model takes: {listed(self.names)}.")


def codes_of(column: Column) -> dict[Any, float]:
    """The number of each category; a missing value's is NaN."""
    return {None: nan} | {name: float(code) for code, name in enumerate(column.categories)}


def numbers_of(column: Column) -> Callable[[Values], bytes]:
    """The function that makes float64 of a column's values. KeyError: a category that training did not see."""
    if column.datatype != "BYTES":
        return doubles
    if not column.categories:
        return lambda values: doubles([nan]) * len(values)
    code = codes_of(column).__getitem__
    return lambda values: doubles(map(code, values))


def doubles(values: Iterable[float | None]) -> bytes:
    """Missing values are NaN. ``array`` takes several times as long (docs/profiles.md)."""
    given = tuple(values)
    try:
        return pack(f"{len(given)}d", *given)
    except NotANumber:
        return pack(f"{len(given)}d", *[nan if value is None else value for value in given])
