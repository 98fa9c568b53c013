"""HTTP for the request that nearly all are: few rows, whole, on a connection that stays. It is answered as its last
byte arrives, with one write, without a task, a scope and the messages of ASGI; they take twice as long as the model.

Everything else goes the long way, which is uvicorn's own and app.py's, as if this class were not there. What has
arrived of a request is then told to uvicorn again.
tests/serving/fast_path/test_connection.py holds one against the other.
"""

from asyncio import TimerHandle
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from intermodal.serving.http.app import CLIENT_GONE, INLINE_BYTES, App
from intermodal.serving.http.wire import JSON, head
from intermodal.serving.service import Model

LONG = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
"""What headers say about the connection is uvicorn's business."""


class ShortWay(HttpToolsProtocol):
    """``self._model`` is set while a request is on the short way."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        app = self.config.app
        assert isinstance(app, App)
        self._service = app.service
        routes = app.routes.items()
        self._models = {path.encode(): (one.label, one.model) for path, one in routes if one.read and one.model}
        self._marks = b"".join(b"%b: %b\r\n" % mark for mark in (*app.marks, (b"content-type", JSON)))
        self._model: Model | None = None
        self._label = ""
        self._said: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._started = self._idle_since = 0.0
        self._idle_timer: TimerHandle | None = None
        self._default: Any = None
        self._status = b""

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._idle_since = self.loop.time()

    def on_headers_complete(self) -> None:
        found = self._models.get(self.url)
        self._said = dict(self.headers)
        if found and self._is_short(self._said):
            (self._label, self._model), self._started = found, perf_counter()
            self._parts.clear()
            self._model.counts.in_flight += 1
        else:
            self._long()

    def _is_short(self, said: Mapping[bytes, bytes]) -> bool:
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or self.flow.write_paused:
            return False
        if self.pipeline or not (self.cycle is None or self.cycle.response_complete):
            return False
        if not LONG.isdisjoint(said) or not parser.should_keep_alive():
            return False
        size = said.get(b"content-length", b"")
        return size.isdigit() and len(size) < 9 and int(size) <= INLINE_BYTES

    def _long(self) -> None:
        """Tell uvicorn what has arrived."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _leave(self, model: Model) -> None:
        """The long way after all."""
        self._end(model)
        self._long()
        for part in self._parts:
            super().on_body(part)

    def on_body(self, body: bytes) -> None:
        if self._model:
            self._parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        model = self._model
        if model and self._answer(model):
            self._end(model)
            self._wait_for_more()
            return
        if model:
            self._leave(model)
        super().on_message_complete()

    def _end(self, model: Model) -> None:
        self._model = None
        model.counts.in_flight -= 1

    def _answer(self, model: Model) -> bool:
        """Whether the request was answered."""
        service, plane = self._service, model.plane
        try:
            media, id_ = head(self._said, service.settings.max_body_bytes)
            answered = plane.plain_rows(b"".join(self._parts)) if plane and media == "json" else None
        except Exception:  # noqa: BLE001 what is wrong, with the request or with us, is said on the long way
            return False
        if answered is None:
            return False
        body = answered.body
        self.transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (self._head(), self._marks, len(body), body))
        service.predicted(model, answered, id_)
        model.counts.answered(self._label, 200, perf_counter() - self._started)
        return True

    def _head(self) -> bytes:
        """The status line and uvicorn's own headers, of which the date changes every second."""
        default = self.server_state.default_headers
        if default is not self._default:
            lines = b"".join(b"%b: %b\r\n" % header for header in default)
            self._default, self._status = default, b"HTTP/1.1 200 OK\r\n" + lines
        return self._status

    def on_response_complete(self) -> None:
        """uvicorn's, of an answer that went the long way."""
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def _wait_for_more(self) -> None:
        """The same of the short way, without a new timer for each request."""
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._model or not (self.cycle is None or self.cycle.response_complete):
            return  # the end of that request sets a timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._idle_timer = self.loop.call_later(left, self._close_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """A request whose rest is still to come is answered before the connection ends."""
        if self._model:
            self._leave(self._model)
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._model:
            self._model.counts.answered(self._label, CLIENT_GONE, perf_counter() - self._started)
            self._end(self._model)
        if self._idle_timer:
            self._idle_timer.cancel()
        super().connection_lost(exc)
