"""Notices: messages to people."""

from dataclasses import dataclass
from typing import Literal, Protocol

Severity = Literal["info", "warning", "page"]


@dataclass(frozen=True)
class Notice:
    """``page`` wakes somebody. ``owner`` is the team that is responsible; ``key`` names the event."""

    severity: Severity
    title: str
    text: str
    owner: str
    key: str


class Notifier(Protocol):
    """Delivers notices to people."""

    def tell(self, notice: Notice) -> bool:
        """Unavailable when it reached nobody that was configured, and for a page when nobody took it who is to be
        woken. False when nobody is configured: the run's log has it."""
