"""Who pushes: what each cloud's login gives to the client of its registry."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Protocol

EARLY_SECONDS = 120
"""A header is renewed so long before it expires: a large layer takes a while."""


@dataclass(frozen=True)
class Header:
    """An ``Authorization`` header with the time when it expires, in seconds since the epoch. It is never displayed."""

    value: str = field(repr=False)
    expires_at: float


class Login(Protocol):
    """One cloud's way from its identity to the registry's ``Authorization`` header."""

    def header(self, repository: str, mount_from: str) -> Header:
        """A fresh header for pushing to ``repository`` and reading ``mount_from`` (may be empty)."""

    def prepare(self, repository: str) -> None:
        """Create the repository where a push does not. Idempotent."""


class Anonymous:
    """A registry without a login. Fulfils ``Login``."""

    def header(self, repository: str, mount_from: str) -> Header:  # noqa: ARG002
        return Header("", float("inf"))

    def prepare(self, repository: str) -> None: ...


class Headers:
    """Headers by the repositories that they are for, each fetched once and renewed before it expires."""

    def __init__(self, login: Login, now: Callable[[], float] = time.time) -> None:
        self._login, self._now, self._lock = login, now, Lock()
        self._known: dict[tuple[str, str], Header] = {}

    def get(self, repository: str, mount_from: str = "") -> tuple[str, bool]:
        """The header, and whether it was fetched just now."""
        key = (repository, mount_from)
        with self._lock:
            found = self._known.get(key)
            if found is not None and found.expires_at - EARLY_SECONDS >= self._now():
                return found.value, False
            self._known[key] = found = self._login.header(repository, mount_from)
            return found.value, True

    def forget(self, repository: str, mount_from: str = "") -> None:
        """The registry refused it: a token can be revoked before it expires."""
        with self._lock:
            self._known.pop((repository, mount_from), None)


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
