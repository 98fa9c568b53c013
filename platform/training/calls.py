"""Calls of the functions that a team wrote. Whatever goes wrong in one is an error that names function, file and line.

The team's functions import nothing of Intermodal, so they can raise anything and return anything.
"""

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.tracebacks import innermost_line

MAX_CAUSE_CHARACTERS = 500


@dataclass(frozen=True)
class Call:
    """A function as the spec names it (``rows.bottles``), how it is called (``(month)``), and for which partition."""

    function: Callable[..., Any]
    name: str
    form: str
    partition: str = ""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the function returns. SpecError when it does not take the arguments, or raises."""
        self._require_taken(arguments, named)
        try:
            return self.function(*arguments, **named)
        except IntermodalError:
            raise  # it is written for a person already
        except (Exception, SystemExit) as error:
            cause = re.sub(r"\s+", " ", str(error)).strip()[:MAX_CAUSE_CHARACTERS]
            raise self.refused(
                f"raised {type(error).__name__}{self._line_of(error)}: {cause or 'without a message'}.",
                "Correct the function at that line; this error's cause has every step.",
            ) from error

    def refused(self, what: str, hint: str) -> SpecError:
        """``what`` continues a sentence whose subject is the function: ``returned None``."""
        partition = f" for {self.partition}" if self.partition else ""
        return SpecError(f"{self.name}{partition} ({_defined(self.function)}) {what}", hint=hint)

    def returned(self, value: object, wanted: str) -> SpecError:
        return self.refused(f"returned {named(value)}.", f"Return {wanted}.")

    def _require_taken(self, arguments: Sequence[Any], named: dict[str, Any]) -> None:
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):  # a function in C may have none
            return
        try:
            signature.bind(*arguments, **named)
        except TypeError as error:
            raise self.refused(
                f"does not take its arguments: {error}.",
                f"Intermodal calls it as {self.form}; it is defined as {signature}.",
            ) from error

    def _line_of(self, error: BaseException) -> str:
        """The line in the team's folder, as the end of a phrase. '' if the function is not written in Python."""
        code = _code(self.function)
        line = innermost_line(error, Path(code.co_filename).parent) if code else ""
        return f" in {line}" if line else ""


def named(value: object) -> str:
    """A value in words: ``None``, ``a list``, ``the class Ridge``."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def name_of(function: Callable[..., Any]) -> str:
    """``<file>.<function>`` of a function, for one that no spec names."""
    module = str(getattr(function, "__module__", "")).rpartition(".")[2]
    return f"{module}.{getattr(function, '__name__', type(function).__name__)}"


def _code(function: Callable[..., Any]) -> Any:
    plain: Any = inspect.unwrap(function)
    plain = getattr(plain, "func", plain)  # functools.partial
    plain = getattr(plain, "__func__", plain)  # a method
    return getattr(plain, "__code__", None) or getattr(type(plain).__call__, "__code__", None)


def _defined(function: Callable[..., Any]) -> str:
    code = _code(function)
    return f"{Path(code.co_filename).resolve()}:{code.co_firstlineno}" if code else "not written in Python"
