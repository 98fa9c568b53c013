"""Google's exceptions as ours: what only breaks in the middle of an answer."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
import requests

from intermodal.platform.errors import Unavailable
from intermodal.resources.gcp.errors import translated

HEADS = {"counted": b"Content-Length: 100", "chunked": b"Transfer-Encoding: chunked"}


@pytest.fixture(params=HEADS)
def cut(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of something that hangs up after a few bytes of its answer."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + HEADS[request.param] + b"\r\n\r\n9\r\n{")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_an_answer_that_is_cut_off_is_no_answer(cut: str) -> None:
    with pytest.raises(Unavailable, match="Could not read it: no answer"), translated("read it"):
        requests.post(cut, data=b"{}", timeout=10)
