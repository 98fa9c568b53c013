"""Tags under Google's rules for labels.

Labels are on the bill, but their values allow only lower case, digits, '_' and '-', at most 63 characters
(https://cloud.google.com/run/docs/configuring/services/labels). So a tag is written twice: as a label, with '_' for
each other character, and unchanged as an annotation, from which it is read back.
"""

import re
from collections.abc import Mapping

MAX_LENGTH = 63


def label_key(tag: str) -> str:
    """The label that a tag becomes: starts with a lower-case letter."""
    plain = re.sub(r"[^a-z0-9_-]", "_", tag.lower())
    return (plain if plain[:1].isalpha() else f"t-{plain}")[:MAX_LENGTH]


def label_value(text: str) -> str:
    """``team:airline-operations`` → ``team_airline-operations``; ``1.4.0`` → ``1_4_0``."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:MAX_LENGTH]


def labels(tags: Mapping[str, str]) -> dict[str, str]:
    return {label_key(key): label_value(value) for key, value in tags.items()}
