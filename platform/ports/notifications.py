"""Notices: what people are told."""

from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["info", "warning", "page"]


@dataclass(frozen=True)
class Notice:
    """``page`` wakes somebody. ``owner`` is the team that is asked; ``key`` names the event."""

    severity: Severity
    title: str
    text: str
    owner: str
    key: str


class Notifier(Protocol):
    """Tells people."""

    def tell(self, notice: Notice) -> bool:
        """Unavailable when it reached nobody that was configured, and for a page when nobody took it who is to be
        woken. False when nobody is configured: the run's log has it."""
