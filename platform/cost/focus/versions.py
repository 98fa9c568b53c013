"""The versions of FOCUS that are read and written."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from intermodal.platform.cost.focus import v1_0, v1_1, v1_2, v1_3
from intermodal.platform.cost.focus.version import Version
from intermodal.platform.errors import SpecError

READ: Mapping[str, Version] = MappingProxyType(
    {module.VERSION.number: module.VERSION for module in (v1_0, v1_1, v1_2, v1_3)}
)
WRITTEN = ("1.0", "1.2", "1.3")
"""1.1 has no reader that does not also read 1.2."""


def version_of(columns: Collection[str]) -> Version:
    """The newest version that introduced one of the columns: files do not name their version."""
    for version in reversed(tuple(READ.values())):
        if version.introduced & set(columns):
            return version
    raise SpecError(
        f"None of the columns is of FOCUS: {', '.join(sorted(columns)[:5]) or 'there are none'}.",
        hint=f"Export the bill as FOCUS {', '.join(READ)} with the specification's names of columns.",
    )


def written(number: str) -> Version:
    if number not in WRITTEN:
        raise SpecError(f"FOCUS {number} is not written.", hint=f"Use one of: {', '.join(WRITTEN)}.")
    return READ[number]
