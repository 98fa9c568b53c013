"""Check a client's named columns and arrange them as a runtime takes them: the signature's columns, in its order."""

from collections.abc import Callable, Collection, Iterable, Mapping
from math import nan
from struct import error as NotANumber
from struct import pack
from typing import Any, NamedTuple

from intermodal.platform.protocol.signature import Column, Signature
from intermodal.serving.errors import RequestError, describe, join_names
from intermodal.serving.protocol.coerce import Unseen, Values, coercer, expected

FLOAT64_BYTES = 8


class Named(NamedTuple):
    """Raw columns by name, each ``rows`` values long."""

    columns: Mapping[str, Values]
    rows: int


class Table(NamedTuple):
    """Checked columns in the signature's order, each ``rows`` long; None is a missing value or an unseen category.

    A column of tensors is a NumPy array. ``numbers`` holds the others as float64, one column after the other. A
    category is its code. A missing value is NaN, and so are text without categories and a tensor. ``unseen`` has the
    categories that training did not see.
    """

    columns: list[Values]
    rows: int
    numbers: bytes
    unseen: Unseen


class Checker:
    """Checks raw columns against one signature. No error holds a value of a column that ``sensitive`` names."""

    def __init__(self, signature: Signature, sensitive: Collection[str] = ()) -> None:
        self._plan = [
            (column, coercer(column, hidden=column.name in sensitive), numbers_of(column))
            for column in signature.inputs
        ]
        self.names = [column.name for column in signature.inputs]
        self._known, self._quotes = frozenset(self.names), not sensitive

    def check(self, named: Named) -> Table:
        """The table of a request. RequestError names the column (and the row) that is wrong.

        Every form of body rejects an unknown column: it is often the misspelt name of a nullable column, which would
        silently become missing.
        """
        raw_columns, rows = named
        if not self._known.issuperset(raw_columns):
            raise self._unknown(raw_columns.keys() - self._known)
        columns: list[Values] = []
        numbers: list[bytes] = []
        unseen: Unseen = {}
        for column, coerce, as_numbers in self._plan:
            raw = raw_columns.get(column.name)
            if raw is not None:
                values = coerce(raw, unseen)
            elif column.nullable:
                values = [None] * rows
            else:
                raise RequestError(
                    f"Column {describe(column.name)} is absent, expected {expected(column)} in every row."
                )
            columns.append(values)
            numbers.append(as_numbers(values))
        return Table(columns, rows, b"".join(numbers), unseen)

    def _unknown(self, names: set[str]) -> RequestError:
        if not self._quotes:  # the first row of a CSV without a header is taken for names
            return RequestError(f"{len(names)} columns are unknown; this model takes: {join_names(self.names)}.")
        unknown = join_names(describe(name) for name in sorted(names)[:5])
        return RequestError(f"Unknown column {unknown}; this model takes: {join_names(self.names)}.")


def codes_of(column: Column) -> dict[Any, float]:
    """The code of each category. The code of a missing value is NaN."""
    return {None: nan} | {name: float(code) for code, name in enumerate(column.categories)}


def numbers_of(column: Column) -> Callable[[Values], bytes]:
    """The function that packs a column's values as float64. It raises KeyError for an unseen category."""
    if column.is_tensor:
        return lambda values: doubles([nan]) * len(values)
    if column.datatype != "BYTES":
        return doubles
    if not column.categories:
        return lambda values: doubles([nan]) * len(values)
    code = codes_of(column).__getitem__
    return lambda values: doubles(map(code, values))


def doubles(values: Iterable[float | None]) -> bytes:
    """Pack values as float64, None as NaN. The module ``array`` takes several times as long (docs/profiles.md)."""
    items = tuple(values)
    try:
        return pack(f"{len(items)}d", *items)
    except NotANumber:
        return pack(f"{len(items)}d", *[nan if value is None else value for value in items])
