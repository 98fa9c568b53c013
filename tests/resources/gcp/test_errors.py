"""Google's exceptions as Intermodal's errors."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest
import requests
from google.api_core import exceptions as google

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.gcp.errors import translated

HEADS = {"counted": b"Content-Length: 100", "chunked": b"Transfer-Encoding: chunked"}


@pytest.fixture(params=HEADS)
def cut(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that closes the connection after a few bytes of its response."""

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


def test_translated_incomplete_response_is_unavailable(cut: str) -> None:
    with pytest.raises(Unavailable, match="Could not read it: no answer"), translated("read it"):
        requests.post(cut, data=b"{}", timeout=10)


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (google.Unauthorized("why"), Refused, "Google Cloud refused to read it: why"),
        (google.Forbidden("why"), Refused, "Google Cloud refused to read it: why"),
        (google.TooManyRequests("why"), Throttled, "Google Cloud throttled: read it: why"),
        (google.NotFound("why"), NotFound, "Could not read it: why"),
        (google.ServiceUnavailable("why"), Unavailable, "Could not read it: why"),
        (google.Unknown("why"), Unavailable, "Could not read it: why"),  # a ServerError without a status
        (google.BadRequest("{why}"), IntermodalError, "Google Cloud did not read it: {why}"),
        (google.RetryError("timeout", google.ServiceUnavailable("why")), Unavailable, "Could not read it: why"),
    ],
)
def test_translated_response_has_class_text_and_hint(
    error: Exception, expected: type[IntermodalError], text: str
) -> None:
    with pytest.raises(IntermodalError) as caught, translated("read it"):
        raise error
    assert caught.type is expected
    assert caught.value.message == text
    assert caught.value.hint
