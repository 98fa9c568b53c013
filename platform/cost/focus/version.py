"""What a version of FOCUS is: its columns, and which columns take the values of others."""

from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.cost.focus.columns import COLUMNS


def _key(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


@dataclass(frozen=True)
class Version:
    number: str
    fills: Mapping[str, str]
    """Column that the version does not have, or has deprecated → the column that has its value, when it is read."""

    @property
    def columns(self) -> tuple[str, ...]:
        """In alphabetical order, as the specification lists them."""
        return tuple(name for name, column in COLUMNS.items() if _key(column.since) <= _key(self.number))

    @property
    def introduced(self) -> frozenset[str]:
        """Columns by which a file of this version differs from an older one."""
        return frozenset(name for name, column in COLUMNS.items() if column.since == self.number)
