"""The columns that a server must not log: written to its environment variables, and read from them."""

import json
from collections.abc import Iterable, Mapping
from itertools import count, takewhile

VARIABLE = "INTERMODAL_PREDICTIONS_SENSITIVE"
MAX_VALUE_BYTES = 1000
"""The length of one variable. SageMaker accepts 1,024 bytes, so long lists continue in VARIABLE_1, VARIABLE_2 and so
on."""


def to_variables(names: Iterable[str]) -> dict[str, str]:
    """The variables that hold these names. Order and repetition do not matter. No names give no variables."""
    distinct = sorted(set(names))
    text = json.dumps(distinct) if distinct else ""  # ASCII, so a character is a byte
    return {
        _name(part): text[part * MAX_VALUE_BYTES :][:MAX_VALUE_BYTES]
        for part in range(-(-len(text) // MAX_VALUE_BYTES))
    }


def from_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read the names. Raises ValueError when the variables do not hold a JSON list of texts."""
    text = "".join(takewhile(bool, (environment.get(_name(part), "") for part in count())))
    names = json.loads(text or "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)


def _name(part: int) -> str:
    return f"{VARIABLE}_{part}" if part else VARIABLE
