"""Numbers that are pushed, against a real Pushgateway."""

import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.resources.pushgateway import Pushgateway
from intermodal.sandbox.local import monitoring
from intermodal.sandbox.settings import free_port
from tests.targets import AWS_EU


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    program, port = monitoring.program("pushgateway"), free_port()
    if not program:
        pytest.fail("No Pushgateway is installed: apt-get install prometheus-pushgateway")
    process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _kept(url: str, name: str) -> list[str]:
    lines = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return [line for line in lines if line.startswith(f"{name}{{")]


def test_push_replaces_its_group_and_no_other(url: str) -> None:
    gauges = Pushgateway(url=url)
    gauges.push("drift/a", [("intermodal_one", {"model": "a"}, 1), ("intermodal_two", {"model": "a"}, 2)])
    gauges.push("drift/b", [("intermodal_one", {"model": "b"}, 3)])
    gauges.push("drift/a", [("intermodal_one", {"model": "a"}, 4)])
    assert _kept(url, "intermodal_one") == [
        'intermodal_one{group="drift/a",instance="",job="intermodal",model="a"} 4',
        'intermodal_one{group="drift/b",instance="",job="intermodal",model="b"} 3',
    ]
    assert _kept(url, "intermodal_two") == []


def test_push_label_that_only_some_have_is_empty_elsewhere(url: str) -> None:
    rows = [
        ("intermodal_psi", {"column": "hour"}, 0.1),
        ("intermodal_psi", {"column": "hour", "target": str(AWS_EU)}, 0.2),
    ]
    Pushgateway(url=url).push("psi", rows)
    targets = [line.partition('target="')[2].partition('"')[0] for line in _kept(url, "intermodal_psi")]
    assert targets == ["", "aws/sagemaker@eu-west-1"]


def test_push_unlabelled_number_and_empty_group(url: str) -> None:
    Pushgateway(url=url).push("alone", [("intermodal_alone", {}, 1.5)])
    assert _kept(url, "intermodal_alone") == ['intermodal_alone{group="alone",instance="",job="intermodal"} 1.5']
    Pushgateway(url=url).push("alone", [])
    assert _kept(url, "intermodal_alone") == []


def test_push_no_pushgateway_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not take the numbers of 'drift'"):
        Pushgateway(url=f"http://127.0.0.1:{free_port()}").push("drift", [("intermodal_one", {}, 1)])


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_push_errors_do_not_contain_the_password(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unavailable, match=r"The Pushgateway at http://127\.0\.0\.1:1 ") as caught:
        Pushgateway(url=f"{scheme}me:hunter2@127.0.0.1:1").push("drift", [("intermodal_one", {}, 1)])
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__} {caplog.text}"


def test_push_password_is_sent_as_basic_auth() -> None:
    received: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            received.append(self.headers["authorization"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for userinfo in ("me:hunter2@", ""):
            url = f"http://{userinfo}127.0.0.1:{server.server_port}"
            Pushgateway(url=url).push("drift", [("intermodal_one", {}, 1)])
        server.shutdown()
    assert received == ["Basic bWU6aHVudGVyMg==", None]


def test_push_without_address_writes_to_the_debug_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="intermodal.resources.pushgateway"):
        Pushgateway().push("drift", [("intermodal_one", {}, 1)])
    assert "no Pushgateway is configured" in caplog.text
