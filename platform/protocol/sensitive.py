"""Which columns a server must not log: their names, as variables of its container and read from them again."""

import json
from collections.abc import Iterable, Mapping
from itertools import count, takewhile

VARIABLE = "INTERMODAL_PREDICTIONS_SENSITIVE"
LENGTH = 1000
"""Of one variable, in bytes. SageMaker takes 1,024, so long lists go on in VARIABLE_1, VARIABLE_2 and so on."""


def to_variables(names: Iterable[str]) -> dict[str, str]:
    """The same for the same names in whatever order; nothing when there are none."""
    distinct = sorted(set(names))
    text = json.dumps(distinct) if distinct else ""  # ASCII: a character is a byte
    return {_name(part): text[part * LENGTH :][:LENGTH] for part in range(-(-len(text) // LENGTH))}


def from_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """ValueError when they hold no JSON list of texts."""
    text = "".join(takewhile(bool, (environment.get(_name(part), "") for part in count())))
    names = json.loads(text or "[]")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)


def _name(part: int) -> str:
    return f"{VARIABLE}_{part}" if part else VARIABLE
