"""Named columns as a client sent them → the table that a runtime takes: the signature's columns, in its order."""

from collections.abc import Mapping
from typing import NamedTuple

from intermodal.platform.signature import Signature
from intermodal.serving.coerce import EXPECTED, Values, coercer
from intermodal.serving.errors import RequestError, listed, shown


class Named(NamedTuple):
    """Raw columns by name, each ``rows`` values long."""

    columns: Mapping[str, Values]
    rows: int


class Table(NamedTuple):
    """Checked columns in the signature's order, each ``rows`` long; None is a missing value or an unseen category.

    ``unseen`` counts values that training did not see, by column.
    """

    columns: list[Values]
    rows: int
    unseen: dict[str, int]


class Checker:
    """Holds raw columns against one signature."""

    def __init__(self, signature: Signature) -> None:
        self._plan = [(column, coercer(column)) for column in signature.inputs]
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
        unseen: dict[str, int] = {}
        for column, coerce in self._plan:
            raw = given.get(column.name)
            if raw is not None:
                columns.append(coerce(raw, unseen))
            elif column.nullable:
                columns.append([None] * rows)
            else:
                raise RequestError(
                    f"Column {shown(column.name)} is absent, expected {EXPECTED[column.datatype]} in every row."
                )
        return Table(columns, rows, unseen)

    def _unknown(self, names: set[str]) -> RequestError:
        which = listed(shown(name) for name in sorted(names)[:5])
        return RequestError(f"Unknown column {which}; this model takes: {listed(self.names)}.")
