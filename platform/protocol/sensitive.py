"""The columns that a server must not log or quote: written to its environment variables, and read from them."""

import json
from collections.abc import Iterable, Mapping
from typing import Literal

from intermodal.platform.protocol.variables import joined, split

VARIABLE = "INTERMODAL_PREDICTIONS_SENSITIVE"
ERRORS_VARIABLE = "INTERMODAL_ERRORS"
ErrorDetail = Literal["full", "short"]
"""What callers see of an error about their rows."""


def to_variables(names: Iterable[str]) -> dict[str, str]:
    """The variables that hold these names. Order and repetition do not matter. No names give no variables."""
    distinct = sorted(set(names))
    return split(VARIABLE, json.dumps(distinct) if distinct else "")


def from_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read the names. Raises ValueError when the variables do not hold a JSON list of texts."""
    text = joined(VARIABLE, environment)
    names = json.loads(text or "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)
