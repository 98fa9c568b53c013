"""What a sensor remembers from tick to tick, as JSON, and what it says."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg

T = TypeVar("T")
SENTENCES = 20
"""A tick's page in the UI has room for so many."""


def remembered(context: dg.SensorEvaluationContext, parse: Callable[[Mapping[str, Any]], T]) -> T | None:
    """What ``parse`` makes of the cursor; None at the first tick and, with a warning, when the cursor is damaged."""
    if not context.cursor:
        return None
    try:
        data = json.loads(context.cursor)
        if not isinstance(data, dict):
            raise TypeError(f"{type(data).__name__} instead of an object")
        return parse(data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        context.log.warning("the cursor was not readable and starts anew: %s", error)
        return None


def some(words: Sequence[str], between: str = "; ") -> str:
    """As many as there is room for, and how many more there are."""
    more = [f"and {len(words) - SENTENCES} more"] if len(words) > SENTENCES else []
    return between.join([*words[:SENTENCES], *more])


def said(words: Sequence[str], otherwise: str) -> dg.SkipReason:
    """What a tick has to say; ``otherwise`` when that is nothing."""
    return dg.SkipReason(some(words) or otherwise)
