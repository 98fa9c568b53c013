"""Notices: what people are told."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "page"]


@dataclass(frozen=True)
class Notice:
    """``page`` wakes somebody. ``owner`` is the team that is asked; ``key`` names the event."""

    severity: Severity
    title: str
    text: str
    owner: str
    key: str
