"""Refuse every name look-up and connection outside loopback, so that no test can reach a real cloud.

It sees what goes through Python's socket module in this process: not obstore (Rust) and not child processes, which are
given loopback addresses and fake credentials instead.
"""

import ipaddress
import socket
from typing import Any

INTERNET = (socket.AF_INET, socket.AF_INET6)


class OutsideLoopback(OSError):
    """A test tried to leave this machine."""


def _refuse(host: Any) -> None:
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost", "0.0.0.0"):
        return
    try:
        inside = ipaddress.ip_address(str(text)).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise OutsideLoopback(f"tests may only reach loopback, not {text!r}")


def _guarded(lookup: Any) -> Any:
    def guarded(host: Any) -> Any:
        _refuse(host)
        return lookup(host)

    return guarded


def install(monkeypatch: Any) -> None:
    """Patch look-ups and connections of this process until the monkeypatch is undone."""
    send_to = socket.socket.sendto
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

    def guarded_sendto(self: socket.socket, data: Any, *arguments: Any) -> int:
        if self.family in INTERNET:
            _refuse(arguments[-1][0])
        return send_to(self, data, *arguments)

    for name in ("gethostbyname", "gethostbyname_ex"):
        monkeypatch.setattr(socket, name, _guarded(getattr(socket, name)))
    monkeypatch.setattr(socket.socket, "sendto", guarded_sendto)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
