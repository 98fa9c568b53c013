"""What a sensor keeps from tick to tick, as JSON, and the text of a tick."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg

T = TypeVar("T")
MAX_SENTENCES = 20
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


def shortened(messages: Sequence[str], between: str = "; ") -> str:
    """As many as there is room for, and how many more there are."""
    more = [f"and {len(messages) - MAX_SENTENCES} more"] if len(messages) > MAX_SENTENCES else []
    return between.join([*messages[:MAX_SENTENCES], *more])


def skip_reason(messages: Sequence[str], otherwise: str) -> dg.SkipReason:
    """The messages of a tick; ``otherwise`` when there are none."""
    return dg.SkipReason(shortened(messages) or otherwise)
