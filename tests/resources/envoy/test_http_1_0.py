"""Clients of HTTP/1.0, which ``ab`` and nginx's upstreams are by default: a raw socket, read until it is closed."""

import json
import socket
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from tests.resources.envoy.conftest import GOLDEN, Model
from tests.resources.envoy.upstreams import predicted
from tests.targets import AWS


def call(model: Model, method: str, path: str, body: bytes = b"", host: str = "") -> tuple[bytes, bytes]:
    """Status line and body. The server closes an HTTP/1.0 connection after its answer."""
    address = urlsplit(model.gateway.url)
    head = f"{method} {path} HTTP/1.0\r\n{host}content-length: {len(body)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head_, _, content = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head_.lower()
    return head_.splitlines()[0], content


@pytest.mark.parametrize("host", ["", "Host: gateway.example\r\n"])
def test_http_1_0_prediction_is_answered(model: Model, host: str) -> None:
    model.publish({AWS: 1})
    status, body = call(model, "POST", f"/v2/models/{model.name}/infer", GOLDEN.encode(), host)
    assert status.split()[1] == b"200"
    assert json.loads(body)["outputs"][0]["data"] == [0.5]


def test_http_1_0_metadata_and_readiness_are_answered(model: Model) -> None:
    model.publish({AWS: 1})
    for path in ("", "/ready"):
        status, body = call(model, "GET", f"/v2/models/{model.name}{path}")
        assert status.split()[1] == b"200"
        assert json.loads(body)["name"] == model.name


def test_http_1_0_errors_have_the_form_of_v2(model: Model) -> None:
    model.publish({AWS: 1})
    status, body = call(model, "POST", f"/v2/models/{model.name}/infer", b"x" * (MAX_BODY_BYTES + 1))
    assert status.split()[1] == b"413"
    assert "larger" in json.loads(body)["error"]


def test_http_1_0_answer_in_chunks_arrives_whole(model: Model) -> None:
    def chunked(request: web.Request, body: bytes) -> web.StreamResponse:
        answer = predicted(request, body)
        answer.enable_chunked_encoding()
        return answer

    model.fakes[AWS].answer = chunked
    model.publish({AWS: 1})
    _, body = call(model, "POST", f"/v2/models/{model.name}/infer", GOLDEN.encode())
    assert json.loads(body)["outputs"][0]["data"] == [0.5]
