"""The short way of HTTP against uvicorn's own: the same bytes in give the same answers."""

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
from intermodal.serving.fast_path.connection import ShortWay
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

    def ask(self, *pieces: bytes) -> list[tuple[int, dict[str, str], bytes]]:
        """Every answer until the server closes the connection."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(0.002)
            return answers(everything(connection))


def everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answers(raw: bytes) -> list[tuple[int, dict[str, str], bytes]]:
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
def short(plane: DataPlane) -> Iterator[Served]:
    yield from serve(app_of(plane), ShortWay)


@pytest.fixture
def long(plane: DataPlane) -> Iterator[Served]:
    yield from serve(app_of(plane), "httptools")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.002)


def post(body: bytes, path: str = INFER, *headers: str, version: str = "1.1", length: int | None = None) -> bytes:
    size = () if length == -1 else (f"content-length: {len(body) if length is None else length}",)
    lines = [f"POST {path} HTTP/{version}", "host: x", *headers, *size, "", ""]
    return "\r\n".join(lines).encode() + body


def test_the_same_bytes_give_the_same_answers(short: Served, long: Served, row: Row) -> None:
    one, many = request_body(FLIGHTS, [row], "mine"), request_body(FLIGHTS, [row] * 40)
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(one), one)
    requests = {
        "one row": post(one),
        "one row of each form": post(one, "/invocations") + post(b'{"instances": []}', "/score"),
        "forty rows, in a thread": post(many + b" " * INLINE_BYTES),
        "a query": post(one, INFER + "?a=1"),
        "headers in capitals": post(one, INFER, "Content-Type: application/JSON; charset=utf-8", "X-Request-Id: 7"),
        "no JSON": post(b"{"),
        "empty": post(b""),
        "csv": post(b"distance\n1", "/score", "content-type: text/csv"),
        "unknown type": post(one, INFER, "content-type: text/plain"),
        "compressed": post(one, INFER, "content-encoding: gzip"),
        "unseen": post(request_body(FLIGHTS, [{**row, "carrier": "ZZ"}])),
        "no route": post(one, "/nowhere"),
        "chunks": post(chunked, INFER, "transfer-encoding: chunked", length=-1),
        "expects": post(one, INFER, "expect: 100-continue"),
        "keep-alive, said": post(one, INFER, "connection: keep-alive"),
        "close, then keep-alive": post(one, INFER, "connection: close", "connection: keep-alive"),
        "several at once": post(one) + b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n" + post(many) + post(one) + post(b"["),
    }
    for name, raw in requests.items():
        assert short.ask(raw + END) == long.ask(raw + END), name
    upgrade = post(one, INFER, "connection: close, upgrade", "upgrade: h2c")
    for ending in (post(one, INFER, "connection: close"), post(one, version="1.0"), b"junk\r\n\r\n", upgrade):
        assert short.ask(ending) == long.ask(ending)
    assert short.app.service.counts.in_flight == long.app.service.counts.in_flight == 0


def test_a_request_may_arrive_in_any_pieces(short: Served, row: Row) -> None:
    raw = post(request_body(FLIGHTS, [row]))
    whole = short.ask(raw + END)
    assert [status for status, _, _ in whole] == [200, 200]
    for cut in (1, 5, raw.index(b"\r\n\r\n"), raw.index(b"\r\n\r\n") + 4, len(raw) // 2, len(raw) - 1):
        assert short.ask(raw[:cut], raw[cut:] + END) == whole


def test_plain_rows_make_no_task(short: Served, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the long way was taken")

    monkeypatch.setattr(ShortWay, "_long", refuse)
    with short.connect() as connection:
        for _ in range(3):
            connection.sendall(post(request_body(FLIGHTS, [row]), INFER, "connection: keep-alive"))
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")


def test_both_ways_count_the_same(short: Served, long: Served, row: Row) -> None:
    for served in (short, long):
        served.ask(post(request_body(FLIGHTS, [row])) + post(b"[") + END)
    lines = [
        [line for line in served.app.service.metrics.text().decode().splitlines() if line.startswith("intermodal_")]
        for served in (short, long)
    ]
    counts = [[line for line in some if "_seconds" not in line or "_count" in line] for some in lines]
    assert counts[0] == counts[1]
    assert any('code="200"' in line for line in counts[0])


def test_a_half_request_is_answered_while_the_server_stops(short: Served, row: Row) -> None:
    raw = post(request_body(FLIGHTS, [row]))
    with short.connect() as connection:
        connection.sendall(raw[:-10])
        until(lambda: short.app.service.counts.in_flight == 1)
        short.server.should_exit = True
        until(lambda: not short.server.servers[0].is_serving())
        connection.sendall(raw[-10:])
        [(status, headers, _)] = answers(everything(connection))
    assert status == 200
    assert headers["connection"] == "close"


def test_a_client_that_leaves_in_the_middle_is_counted(short: Served, row: Row) -> None:
    with short.connect() as connection:
        connection.sendall(post(request_body(FLIGHTS, [row]))[:-10])
        until(lambda: short.app.service.counts.in_flight == 1)
    until(lambda: short.app.service.counts.in_flight == 0)
    assert 'code="499"' in short.app.service.metrics.text().decode()


def test_a_fault_of_our_own_is_a_500_with_a_log(
    short: Served, row: Row, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: bytes) -> Any:
        raise MemoryError

    plane = short.app.service.models[0].plane
    assert plane is not None
    monkeypatch.setattr(plane, "plain_rows", broken)
    found = short.ask(post(request_body(FLIGHTS, [row])) + END)
    assert [status for status, _, _ in found] == [500, 200]
    assert "MemoryError" in caplog.text


def test_before_the_model_is_loaded_it_says_so(plane: DataPlane, row: Row) -> None:
    for served in serve(app_of(plane, loaded=False), ShortWay):
        assert served.ask(post(request_body(FLIGHTS, [row])) + END)[0][0] == 503


class Clock:
    """The part of an event loop that tells time and keeps timers."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[tuple[float, Callable[[], None]]]()

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, work: Callable[[], None]) -> SimpleNamespace:
        timer = (self.now + seconds, work)
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer))

    def go(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((one for one in self.timers if one[0] <= end), key=lambda one: one[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end


class Line:
    """A transport that remembers."""

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


def test_a_connection_that_rests_is_closed_and_one_that_works_is_not(plane: DataPlane, row: Row) -> None:
    raw, clock, line = post(request_body(FLIGHTS, [row])), Clock(), Line()
    config = uvicorn.Config(app_of(plane), ws="none", lifespan="off", log_config=None, timeout_keep_alive=60)
    short = ShortWay(config, ServerState(), {}, _loop=clock)  # type: ignore[arg-type]
    short.connection_made(line)  # type: ignore[arg-type]
    for _ in range(3):
        short.data_received(raw)
        clock.go(59)
    assert len(clock.timers) == 1, "a timer for each connection, not for each request"
    for cut in (20, len(raw) - 5):  # in the head, in the body
        short.data_received(raw[:cut])
        clock.go(59)
        assert not line.closed
        short.data_received(raw[cut:])
        clock.go(59)
    assert len(line.written) == 5
    assert all(answer.startswith(b"HTTP/1.1 200 OK\r\n") for answer in line.written)
    assert not line.closed
    clock.go(2)
    assert line.closed
