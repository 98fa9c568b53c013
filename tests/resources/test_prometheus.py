"""What becomes of Prometheus' answers and of its absence; its figures are tested in tests/deploy, on a real one."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from intermodal.platform.errors import IntermodalError, Refused, Unavailable
from intermodal.resources.prometheus import PrometheusMetrics, query
from intermodal.sandbox.settings import free_port


class Answer(BaseHTTPRequestHandler):
    status, body = 200, b"{}"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"<html>log in</html>", Refused),
        (403, b"{}", Refused),
        (503, b'{"status": "error", "error": "loading"}', Unavailable),
        (422, b'{"status": "error", "error": "query timed out"}', Unavailable),
        (200, b'{"status": "error", "error": "?"}', Unavailable),
        (200, b"<html>", Unavailable),
    ],
)
def test_an_answer_without_figures_is_an_error_of_ours(
    port: int, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, error: type[IntermodalError]
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    monkeypatch.setattr(Answer, "body", body)
    with pytest.raises(error) as raised:
        PrometheusMetrics(url=f"http://someone:secret@127.0.0.1:{port}").read(60)
    assert raised.value.hint
    assert "secret" not in str(raised.value)


def test_one_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        PrometheusMetrics(url=f"http://127.0.0.1:{free_port()}").read(60)


def test_without_an_address_the_setting_is_named() -> None:
    with pytest.raises(Unavailable, match="INTERMODAL_PROMETHEUS_URL"):
        PrometheusMetrics().read(60)


def test_numbers_that_are_none_and_clouds_that_are_none_are_left_out(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(figure: str, value: str, cloud: str = "aws") -> str:
        labels = f'"figure": "{figure}", "model": "m", "cloud": "{cloud}", "version": "1.0.0"'
        return f'{{"metric": {{{labels}}}, "value": [1, "{value}"]}}'

    rows = [row("requests", "2"), row("p50_ms", "NaN"), row("requests", "0", "gcp"), row("requests", "1", "moon")]
    body = f'{{"status": "success", "data": {{"result": [{", ".join(rows)}]}}}}'
    monkeypatch.setattr(Answer, "body", body.encode())
    (only,) = PrometheusMetrics(url=f"http://127.0.0.1:{port}").read(60)
    assert (only.cloud, only.requests, only.error_rate, only.p50_ms, only.instances) == ("aws", 2.0, 0.0, None, None)


def test_a_models_name_cannot_leave_its_quotes() -> None:
    assert '{model="a\\"} or up{b=\\""}' in query(60, 'a"} or up{b="')


def test_a_span_is_never_empty() -> None:
    assert "[1ms]" in query(0.0001)
    assert "[90500ms]" in query(90.5)
