"""One long text in several environment variables: NAME, NAME_1, NAME_2 and so on."""

from collections.abc import Mapping
from itertools import count, takewhile

MAX_VALUE_BYTES = 1000
"""The length of one variable. SageMaker accepts 1,024 bytes, so a longer text continues in the next one."""


def split(name: str, text: str) -> dict[str, str]:
    """The variables that hold this text, which must be ASCII, so that a character is a byte. '' gives none."""
    return {
        _part(name, part): text[part * MAX_VALUE_BYTES :][:MAX_VALUE_BYTES]
        for part in range(-(-len(text) // MAX_VALUE_BYTES))
    }


def joined(name: str, environment: Mapping[str, str]) -> str:
    """The text of these variables, '' when there is none."""
    return "".join(takewhile(bool, (environment.get(_part(name, part), "") for part in count())))


def _part(name: str, part: int) -> str:
    return f"{name}_{part}" if part else name
