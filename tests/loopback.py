"""Refuse every name look-up and connection outside loopback, so that no test can reach a real cloud."""

import socket
from typing import Any

ALLOWED = ("127.", "::1", "localhost", "0.0.0.0")
INTERNET = (socket.AF_INET, socket.AF_INET6)


class OutsideLoopback(OSError):
    """A test tried to leave this machine."""


def _refuse(host: Any) -> None:
    text = host.decode() if isinstance(host, bytes) else host
    if text not in (None, "") and not str(text).startswith(ALLOWED):
        raise OutsideLoopback(f"tests may only reach loopback, not {text!r}")


def install(monkeypatch: Any) -> None:
    """Patch look-ups and connections of this process until the monkeypatch is undone."""
    lookup, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def guarded_lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse(host)
        return lookup(host, *args, **kwargs)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in INTERNET:
            _refuse(address[0])
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family in INTERNET:
            _refuse(address[0])
        return connect_ex(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
