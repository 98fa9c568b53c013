"""HTTP for the request that nearly all are: one row, whole, on a connection that stays. It is answered as its last byte
arrives, with one write, without a task, a scope and the messages of ASGI; they take twice as long as the model does.

Everything else goes the long way, which is uvicorn's own and app.py's, as if this class were not there. What has
arrived of a request is then told to uvicorn again. tests/serving/test_short_way.py holds one against the other.
"""

from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from intermodal.serving.app import CLIENT_GONE, INLINE_BYTES, App
from intermodal.serving.routes import Route
from intermodal.serving.wire import JSON, head

LONG = (b"transfer-encoding", b"expect", b"upgrade", b"connection")
"""Headers that say something about the connection, which is uvicorn's business."""


class ShortWay(HttpToolsProtocol):
    """``self._route`` is set while a request is on the short way."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        app = self.config.app
        assert isinstance(app, App)
        self._service = app.service
        self._routes = {path.encode(): route for path, route in app.routes.items() if route.read}
        self._marks = b"".join(b"%b: %b\r\n" % mark for mark in (*app.marks, (b"content-type", JSON)))
        self._route: Route | None = None
        self._parts: list[bytes] = []
        self._started = 0.0
        self._default: Any = None
        self._status = b""

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        route = self._routes.get(self.url)
        if route and self._is_short():
            self._route, self._started = route, perf_counter()
            self._parts.clear()
            self._service.in_flight += 1
        else:
            self._long()

    def _is_short(self) -> bool:
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or self.flow.write_paused:
            return False
        if self.pipeline or not (self.cycle is None or self.cycle.response_complete):
            return False
        size = b""
        for name, value in self.headers:
            if name in LONG and value != b"keep-alive":
                return False
            if name == b"content-length":
                size = value
        return size.isdigit() and len(size) < 9 and int(size) <= INLINE_BYTES

    def _long(self) -> None:
        """Tell uvicorn what has arrived."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _leave(self) -> None:
        """The long way after all."""
        self._route = None
        self._service.in_flight -= 1
        self._long()
        for part in self._parts:
            super().on_body(part)

    def on_body(self, body: bytes) -> None:
        if self._route:
            self._parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._route and not self._answer(self._route):
            self._leave()
        elif self._route:
            self._route = None
            self._service.in_flight -= 1
            self.on_response_complete()
            return
        super().on_message_complete()

    def _answer(self, route: Route) -> bool:
        """Whether the request was answered."""
        service = self._service
        try:
            media, id_, probe = head(self.headers, service.settings.max_body_bytes)
            plane = service.plane
            answered = plane.one_row(b"".join(self._parts)) if plane and media == "json" else None
        except Exception:  # noqa: BLE001 what is wrong, with the request or with us, is said on the long way
            return False
        if answered is None:
            return False
        body = answered.body
        self.transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (self._head(), self._marks, len(body), body))
        service.predicted(answered, id_, probe)
        service.metrics.answered(route.label, 200, perf_counter() - self._started)
        return True

    def _head(self) -> bytes:
        """The status line and uvicorn's own headers, of which the date changes every second."""
        default = self.server_state.default_headers
        if default is not self._default:
            lines = b"".join(b"%b: %b\r\n" % header for header in default)
            self._default, self._status = default, b"HTTP/1.1 200 OK\r\n" + lines
        return self._status

    def shutdown(self) -> None:
        """A request whose rest is still to come is answered before the connection ends."""
        if self._route:
            self._leave()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._route:
            self._service.metrics.answered(self._route.label, CLIENT_GONE, perf_counter() - self._started)
            self._service.in_flight -= 1
            self._route = None
        super().connection_lost(exc)
