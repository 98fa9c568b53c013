"""Polling with tenacity: a step is repeated, with growing pauses, until it has a result."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_result, stop_before_delay, wait_exponential

T = TypeVar("T")
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.2, 5.0


def poll(
    step: Callable[[], T | None], seconds: float, growth: float = 1.3, first_pause: float = FIRST_PAUSE_SECONDS
) -> T | None:
    """The first result of ``step`` that is true; None when there is none after ``seconds``.

    The step is called at least once, and not again when the pause before it would exceed the time. Its errors are
    raised at once: which of them to tolerate is for the step to decide.
    """
    polling = Retrying(
        retry=retry_if_result(lambda result: not result),
        wait=wait_exponential(multiplier=first_pause, exp_base=growth, max=MAX_PAUSE_SECONDS),
        stop=stop_before_delay(seconds),
        retry_error_callback=lambda _: None,
    )
    found: T | None = polling(step)
    return found
