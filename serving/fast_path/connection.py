"""The HTTP fast path: answers a small JSON request from the bytes of its connection, without ASGI.

It handles only a complete POST of few rows on a persistent connection, which is what nearly all requests are. It writes
the response in one call as the last byte arrives. An ASGI task, scope and messages would take twice as long as the
model. Any other request falls back to uvicorn's own protocol and ``http/app.py``: the part that has arrived is replayed
there.

``INTERMODAL_FAST_PATH=0`` switches it off. tests/serving/fast_path/test_connection.py compares both paths.
"""

from asyncio import TimerHandle
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from intermodal.serving.fast_path.uvicorn_internals import HttpToolsProtocol
from intermodal.serving.http.app import CLIENT_GONE, INLINE_BYTES, App
from intermodal.serving.http.wire import JSON
from intermodal.serving.service import Model

CONNECTION_HEADERS = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
"""A request with one of these changes the connection's state, which uvicorn manages."""


class FastPathProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a fast path. ``_model`` is set while a request is on the fast path."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        app = self.config.app
        assert isinstance(app, App)
        self._service, self._read_head = app.service, app.head_reader.read
        routes = app.routes.items()
        self._models = {
            path.encode(): (route.label, route.model) for path, route in routes if route.read and route.model
        }
        headers = (*app.response_headers, (b"content-type", JSON))
        self._response_headers = b"".join(b"%b: %b\r\n" % header for header in headers)
        self._model: Model | None = None
        self._label = ""
        self._request_headers: dict[bytes, bytes] = {}
        self._body_parts: list[bytes] = []
        self._started = self._idle_since = 0.0
        self._idle_timer: TimerHandle | None = None
        self._default_headers: Any = None
        self._status_lines = b""

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._idle_since = self.loop.time()

    def on_headers_complete(self) -> None:
        route = self._models.get(self.url)
        self._request_headers = dict(self.headers)
        if route and self._is_eligible(self._request_headers):
            (self._label, self._model), self._started = route, perf_counter()
            self._body_parts.clear()
            self._model.counts.in_flight += 1
        else:
            self._replay_head()

    def _is_eligible(self, headers: Mapping[bytes, bytes]) -> bool:
        parser = self.parser
        if parser.get_method() != b"POST" or parser.get_http_version() != "1.1" or self.flow.write_paused:
            return False
        if self.pipeline or not (self.cycle is None or self.cycle.response_complete):
            return False
        if not CONNECTION_HEADERS.isdisjoint(headers) or not parser.should_keep_alive():
            return False
        size = headers.get(b"content-length", b"")
        return size.isdigit() and len(size) < 9 and int(size) <= INLINE_BYTES

    def _replay_head(self) -> None:
        """Give uvicorn the head of the request."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _fall_back(self, model: Model) -> None:
        """Leave the fast path: give uvicorn the head and what has arrived of the body."""
        self._leave_fast_path(model)
        self._replay_head()
        for part in self._body_parts:
            super().on_body(part)

    def on_body(self, body: bytes) -> None:
        if self._model:
            self._body_parts.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        model = self._model
        if model and self._respond(model):
            self._leave_fast_path(model)
            self._wait_for_next_request()
            return
        if model:
            self._fall_back(model)
        super().on_message_complete()

    def _leave_fast_path(self, model: Model) -> None:
        self._model = None
        model.counts.in_flight -= 1

    def _respond(self, model: Model) -> bool:
        """Predict and write the response. False when the request has to fall back; then nothing was written."""
        service, plane = self._service, model.plane
        try:
            media, request_id = self._read_head(self._request_headers)
            prediction = plane.plain_rows(b"".join(self._body_parts)) if plane and media == "json" else None
        except Exception:  # noqa: BLE001 the general path meets the same error again and reports it
            return False
        if prediction is None:
            return False
        body = prediction.body
        head = self._status_and_default_headers()
        self.transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (head, self._response_headers, len(body), body))
        service.record(model, prediction, request_id)
        model.counts.answered(self._label, 200, perf_counter() - self._started)
        return True

    def _status_and_default_headers(self) -> bytes:
        """The status line and uvicorn's own headers, which change once a second because of the date."""
        default = self.server_state.default_headers
        if default is not self._default_headers:
            lines = b"".join(b"%b: %b\r\n" % header for header in default)
            self._default_headers, self._status_lines = default, b"HTTP/1.1 200 OK\r\n" + lines
        return self._status_lines

    def on_response_complete(self) -> None:
        """uvicorn calls this after a response of the general path."""
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def _wait_for_next_request(self) -> None:
        """Start the keep-alive period. One timer serves the whole connection, since a timer per request costs time."""
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._idle_timer = None
        if self._model or not (self.cycle is None or self.cycle.response_complete):
            return  # the end of the current request sets a timer again
        remaining = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if remaining > 0:
            self._idle_timer = self.loop.call_later(remaining, self._close_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """uvicorn calls this when the server stops. An incomplete request falls back, so that uvicorn finishes it."""
        if self._model:
            self._fall_back(self._model)
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._model:
            self._model.counts.answered(self._label, CLIENT_GONE, perf_counter() - self._started)
            self._leave_fast_path(self._model)
        if self._idle_timer:
            self._idle_timer.cancel()
        super().connection_lost(exc)
