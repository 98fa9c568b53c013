"""Prometheus' answers and its absence; tests/deploy tests the figures, on a real Prometheus."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from intermodal.platform.errors import IntermodalError, Refused, Unavailable
from intermodal.platform.targets import Target
from intermodal.resources.prometheus import PrometheusMetrics, query
from intermodal.sandbox.settings import free_port
from tests.targets import AWS, AWS_EU, EKS, GCP


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
def test_read_answer_without_figures_raises(
    port: int, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, error: type[IntermodalError]
) -> None:
    monkeypatch.setattr(Answer, "status", status)
    monkeypatch.setattr(Answer, "body", body)
    with pytest.raises(error) as raised:
        PrometheusMetrics(url=f"http://someone:secret@127.0.0.1:{port}").read(60)
    assert raised.value.hint
    assert "secret" not in str(raised.value)


def test_read_no_prometheus_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        PrometheusMetrics(url=f"http://127.0.0.1:{free_port()}").read(60)


def test_read_without_address_names_the_setting() -> None:
    with pytest.raises(Unavailable, match="INTERMODAL_PROMETHEUS_URL"):
        PrometheusMetrics().read(60)


def test_read_numbers_and_targets_that_are_none_are_left_out(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(figure: str, value: str, target: str = str(AWS_EU)) -> str:
        labels = f'"figure": "{figure}", "model": "m", "target": "{target}", "version": "1.0.0"'
        return f'{{"metric": {{{labels}}}, "value": [1, "{value}"]}}'

    rows = [row("requests", "2"), row("p50_ms", "NaN"), row("requests", "0", str(GCP)), row("requests", "1", "moon")]
    old = '{"metric": {"figure": "requests", "model": "m", "cloud": "aws", "version": "1.0.0"}, "value": [1, "3"]}'
    body = f'{{"status": "success", "data": {{"result": [{", ".join([*rows, old])}]}}}}'
    monkeypatch.setattr(Answer, "body", body.encode())
    (only,) = PrometheusMetrics(url=f"http://127.0.0.1:{port}").read(60)
    assert (only.target, only.requests, only.error_rate, only.p50_ms, only.instances) == (AWS_EU, 2.0, 0.0, None, None)


def test_read_targets_of_one_cloud_are_rows_of_their_own(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def row(figure: str, value: int, target: Target) -> dict[str, Any]:
        labels = {"figure": figure, "model": "m", "target": str(target), "version": "1.0.0"}
        return {"metric": labels, "value": [1, str(value)]}

    rows = [
        *(row("requests", 10 * number, target) for number, target in enumerate((AWS, AWS_EU, EKS), 1)),
        row("failed", 5, AWS_EU),
        row("instances", 2, EKS),
    ]
    monkeypatch.setattr(Answer, "body", json.dumps({"status": "success", "data": {"result": rows}}).encode())
    found = {row.target: row for row in PrometheusMetrics(url=f"http://127.0.0.1:{port}").read(60)}
    assert {target: row.requests for target, row in found.items()} == {AWS: 10.0, AWS_EU: 20.0, EKS: 30.0}
    assert {target: row.error_rate for target, row in found.items()} == {AWS: 0.0, AWS_EU: 0.25, EKS: 0.0}
    assert found[EKS].instances == 2


def test_query_model_name_cannot_leave_its_quotes() -> None:
    assert '{model="a\\"} or up{b=\\""}' in query(60, 'a"} or up{b="')


def test_query_span_is_never_empty() -> None:
    assert "[1ms]" in query(0.0001)
    assert "[90500ms]" in query(90.5)
