"""Errors that the server reports to callers and operators, and the texts in them."""

import sys
from collections.abc import Iterable

from intermodal.platform.errors import IntermodalError

MAX_TEXT_LENGTH = 40
MAX_NAMES = 40


class RequestError(IntermodalError):
    """A request that gets a 4xx or a 503. The message is one sentence that says what was expected.

    ``headers`` are added to the response (``allow``, ``retry-after``).
    """

    def __init__(self, message: str, *, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class StartError(IntermodalError):
    """The server cannot start. The process prints the message to stderr and exits with 1."""


def print_status(line: str) -> None:
    """Tell the operator, on stderr, about the start or the end of the process."""
    sys.stderr.write(f"intermodal.serving: {line}\n")
    sys.stderr.flush()


def describe(value: object) -> str:
    """A value for an error message: short, printable, and cheap to make for any value."""
    match value:
        case str():
            return repr(value if len(value) <= MAX_TEXT_LENGTH else value[: MAX_TEXT_LENGTH - 3] + "...")
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int():
            return str(value) if abs(value) < 10**20 else f"an integer of {value.bit_length()} bits"
        case float():
            return repr(value)
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return type(value).__name__


def kind_of(value: object) -> str:
    """What a value is, without its content: for columns whose values no error may hold."""
    match value:
        case str():
            return "a text"
        case bool():
            return "true or false"
        case int():
            return "an integer"
        case float():
            return "a number"
        case _:
            return describe(value)


def join_names(names: Iterable[object]) -> str:
    """At most MAX_NAMES names, separated by commas, and the count of the others."""
    known = [str(name) for name in names]
    omitted = len(known) - MAX_NAMES
    return ", ".join(known[:MAX_NAMES]) + (f" and {omitted} more" if omitted > 0 else "")
