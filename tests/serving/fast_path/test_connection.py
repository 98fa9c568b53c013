"""The HTTP fast path compared with uvicorn's own protocol: the same bytes give the same responses."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.dataplane import DataPlane
from intermodal.serving.fast_path.connection import FastPathProtocol
from intermodal.serving.http.app import INLINE_BYTES, App
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER, app_of

END = b"GET /ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@dataclass
class Served:
    """An app behind a real socket, in a thread."""

    app: App
    server: uvicorn.Server
    port: int

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, *pieces: bytes) -> list[tuple[int, dict[str, str], bytes]]:
        """Every response until the server closes the connection."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.002)
            return responses(read_all(connection))


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def responses(raw: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(headers) == len(lines), "a header twice"
        size = int(headers.get("content-length", 0))
        headers.pop("date", None)
        found.append((int(status.split()[1]), headers, raw[:size]))
        raw = raw[size:]
    return found


def serve(app: App, http: Any) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=http, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield Served(app, server, listener.getsockname()[1])
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def fast(plane: DataPlane) -> Iterator[Served]:
    yield from serve(app_of(plane), FastPathProtocol)


@pytest.fixture
def general(plane: DataPlane) -> Iterator[Served]:
    yield from serve(app_of(plane), "httptools")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.002)


def post(body: bytes, path: str = INFER, *headers: str, version: str = "1.1", length: int | None = None) -> bytes:
    size = () if length == -1 else (f"content-length: {len(body) if length is None else length}",)
    lines = [f"POST {path} HTTP/{version}", "host: x", *headers, *size, "", ""]
    return "\r\n".join(lines).encode() + body


def test_fast_path_same_bytes_give_same_responses(fast: Served, general: Served, row: Row) -> None:
    single, batch = request_body(FLIGHTS, [row], "mine"), request_body(FLIGHTS, [row] * 40)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(single), single)
    requests = {
        "one row": post(single),
        "one row of each form": post(single, "/invocations") + post(b'{"instances": []}', "/score"),
        "forty rows, in a thread": post(batch + b" " * INLINE_BYTES),
        "a query": post(single, INFER + "?a=1"),
        "headers in capitals": post(single, INFER, "Content-Type: application/JSON; charset=utf-8", "X-Request-Id: 7"),
        "no JSON": post(b"{"),
        "empty": post(b""),
        "csv": post(b"distance\n1", "/score", "content-type: text/csv"),
        "unknown type": post(single, INFER, "content-type: text/plain"),
        "compressed": post(single, INFER, "content-encoding: gzip"),
        "unseen": post(request_body(FLIGHTS, [{**row, "carrier": "ZZ"}])),
        "no route": post(single, "/nowhere"),
        "chunks": post(chunked, INFER, "transfer-encoding: chunked", length=-1),
        "expects": post(single, INFER, "expect: 100-continue"),
        "explicit keep-alive": post(single, INFER, "connection: keep-alive"),
        "close, then keep-alive": post(single, INFER, "connection: close", "connection: keep-alive"),
        "several at once": post(single)
        + b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n"
        + post(batch)
        + post(single)
        + post(b"["),
    }
    for name, raw in requests.items():
        assert fast.send(raw + END) == general.send(raw + END), name
    upgrade = post(single, INFER, "connection: close, upgrade", "upgrade: h2c")
    for ending in (post(single, INFER, "connection: close"), post(single, version="1.0"), b"junk\r\n\r\n", upgrade):
        assert fast.send(ending) == general.send(ending)
    assert fast.app.service.counts.in_flight == general.app.service.counts.in_flight == 0


def test_fast_path_request_in_pieces_is_answered(fast: Served, row: Row) -> None:
    raw = post(request_body(FLIGHTS, [row]))
    whole = fast.send(raw + END)
    assert [status for status, _, _ in whole] == [200, 200]
    for cut in (1, 5, raw.index(b"\r\n\r\n"), raw.index(b"\r\n\r\n") + 4, len(raw) // 2, len(raw) - 1):
        assert fast.send(raw[:cut], raw[cut:] + END) == whole


def test_fast_path_plain_rows_do_not_fall_back(fast: Served, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the request fell back")

    monkeypatch.setattr(FastPathProtocol, "_replay_head", refuse)
    with fast.connect() as connection:
        for _ in range(3):
            connection.sendall(post(request_body(FLIGHTS, [row]), INFER, "connection: keep-alive"))
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")


def test_fast_path_metrics_equal_general_path(fast: Served, general: Served, row: Row) -> None:
    for served in (fast, general):
        served.send(post(request_body(FLIGHTS, [row])) + post(b"[") + END)
    lines = [
        [line for line in served.app.service.metrics.text().decode().splitlines() if line.startswith("intermodal_")]
        for served in (fast, general)
    ]
    counts = [[line for line in some if "_seconds" not in line or "_count" in line] for some in lines]
    assert counts[0] == counts[1]
    assert any('code="200"' in line for line in counts[0])


def test_fast_path_partial_request_at_shutdown_is_answered(fast: Served, row: Row) -> None:
    raw = post(request_body(FLIGHTS, [row]))
    with fast.connect() as connection:
        connection.sendall(raw[:-10])
        until(lambda: fast.app.service.counts.in_flight == 1)
        fast.server.should_exit = True
        until(lambda: not fast.server.servers[0].is_serving())
        connection.sendall(raw[-10:])
        [(status, headers, _)] = responses(read_all(connection))
    assert status == 200
    assert headers["connection"] == "close"


def test_fast_path_client_leaves_counts_499(fast: Served, row: Row) -> None:
    with fast.connect() as connection:
        connection.sendall(post(request_body(FLIGHTS, [row]))[:-10])
        until(lambda: fast.app.service.counts.in_flight == 1)
    until(lambda: fast.app.service.counts.in_flight == 0)
    assert 'code="499"' in fast.app.service.metrics.text().decode()


def test_unexpected_error_gives_500_and_log(
    fast: Served, row: Row, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> Any:
        raise MemoryError

    plane = fast.app.service.models[0].plane
    assert plane is not None
    monkeypatch.setattr(plane, "plain_rows", broken)
    found = fast.send(post(request_body(FLIGHTS, [row])) + END)
    assert [status for status, _, _ in found] == [500, 200]
    assert "MemoryError" in caplog.text


def test_fast_path_model_loading_gives_503(plane: DataPlane, row: Row) -> None:
    for served in serve(app_of(plane, loaded=False), FastPathProtocol):
        assert served.send(post(request_body(FLIGHTS, [row])) + END)[0][0] == 503


class Clock:
    """The part of an event loop that has the time and the timers."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[tuple[float, Callable[[], None]]]()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, work: Callable[[], None]) -> SimpleNamespace:
        timer = (self.now + seconds, work)
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((timer for timer in self.timers if timer[0] <= end), key=lambda timer: timer[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end


class FakeTransport:
    """A transport that records what is written."""

    def __init__(self) -> None:
        self.written, self.closed = list[bytes](), False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str) -> None:
        return None


def test_fast_path_only_idle_connection_is_closed(plane: DataPlane, row: Row) -> None:
    raw, clock, line = post(request_body(FLIGHTS, [row])), Clock(), FakeTransport()
    config = uvicorn.Config(app_of(plane), ws="none", lifespan="off", log_config=None, timeout_keep_alive=60)
    fast = FastPathProtocol(config, ServerState(), {}, _loop=clock)  # type: ignore[arg-type]
    fast.connection_made(line)  # type: ignore[arg-type]
    for _ in range(3):
        fast.data_received(raw)
        clock.advance(59)
    assert len(clock.timers) == 1, "a timer for each connection, not for each request"
    for cut in (20, len(raw) - 5):  # in the head, in the body
        fast.data_received(raw[:cut])
        clock.advance(59)
        assert not line.closed
        fast.data_received(raw[cut:])
        clock.advance(59)
    assert len(line.written) == 5
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in line.written)
    assert not line.closed
    clock.advance(2)
    assert line.closed
