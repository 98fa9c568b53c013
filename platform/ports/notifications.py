"""Notices: messages to people, each delivered once."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from intermodal.platform.errors import Unavailable

Severity = Literal["info", "warning", "page"]
Delivery = Literal["delivered", "no recipient"]


@dataclass(frozen=True)
class Notice:
    """``page`` wakes a person. ``owner`` is the team that is responsible. ``key`` names the event, with its onset or
    round: an event that is over and happens again has another key."""

    severity: Severity
    title: str
    text: str
    owner: str
    key: str


@dataclass(frozen=True)
class Receipt:
    """What became of sending a notice. ``recipients`` took it, now or before; none of their names shows an address.
    ``failure``: too few took it. Neither: no recipient is configured."""

    recipients: frozenset[str] = frozenset()
    failure: Unavailable | None = None


class Notifier(Protocol):
    """Sends notices to people now, as often as it is called."""

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        """``skip`` names recipients that took it before. It failed when no configured recipient took it, and a page
        when no recipient of pages took it."""


class Notifications(Protocol):
    """Notifies people once of each event, whichever process does, also after a crash."""

    def notify(self, notice: Notice) -> Delivery:
        """Send the notice, unless one of its key was delivered; Unavailable when that failed, and a later call tries
        again. At least once: a process that is killed between sending and recording leaves nothing that shows it was
        sent, and the next call sends it again."""
