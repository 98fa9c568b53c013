"""The guard itself: it refuses the outside and lets loopback through."""

import socket

import pytest

from tests.loopback import OutsideLoopback


@pytest.mark.parametrize("name", ["s3.amazonaws.com", "localhost.example.com", "127.0.0.1.example.com"])
def test_name_look_up_outside_loopback_is_refused(name: str) -> None:
    with pytest.raises(OutsideLoopback):
        socket.getaddrinfo(name, 443)
    with pytest.raises(OutsideLoopback):
        socket.gethostbyname(name)


def test_datagram_to_the_outside_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, pytest.raises(OutsideLoopback):
        client.sendto(b"x", ("192.0.2.1", 53))


def test_connection_outside_loopback_is_refused() -> None:
    with socket.socket() as client, pytest.raises(OutsideLoopback):
        client.connect(("192.0.2.1", 80))


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
