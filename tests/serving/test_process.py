"""The server process: it starts, answers, drains, and reports why it cannot start."""

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from intermodal.platform.protocol.keys import key_text, to_variables
from intermodal.platform.protocol.package import GOLDEN
from intermodal.platform.protocol.v2 import request_body
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER
from tests.signing import sign

Start = Callable[..., "Server"]


class Server:
    """A server on a free port, its output in a file."""

    def __init__(self, root: Path, log: Path, argv: list[str] | None = None, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url, self._log = f"http://127.0.0.1:{self.port}", log
        command = argv or ["-m", "intermodal.serving", "serve", "--host", "127.0.0.1", "--root", str(root)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIP_", "INTERMODAL_"))}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                env={**clean, "PORT": str(self.port), "INTERMODAL_UNSIGNED": "1", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def until(self, path: str, status: int = 200) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.log
            try:
                if httpx.get(self.url + path).status_code == status:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail(f"{path} never answered {status}: {self.log}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Server] = []

    def start_server(package: Path | None, *argv: str, **environment: str) -> Server:
        root = tmp_path / f"root{len(started)}"
        root.mkdir()
        if package:
            shutil.copytree(package, root / "opt/ml/model")
        started.append(Server(root, tmp_path / f"log{len(started)}", list(argv), **environment))
        return started[-1]

    yield start_server
    for server in started:
        server.process.kill()
        server.process.wait()


HEAVY = (
    "dagster",
    "numpy",
    "pandas",
    "mlflow",
    "sklearn",
    "pyarrow",
    "boto3",
    "google.cloud",
    "azure",
    "pydantic",
    "fastapi",
)


def test_process_imports_nothing_heavy_and_exits_0(start: Start, lightgbm_package: Path, row: Row) -> None:
    # The same entry point, which prints the heavy modules that were imported when it has drained.
    program = (
        "import runpy, sys\n"
        "sys.argv = ['intermodal.serving', 'serve', '--host', '127.0.0.1', '--root', sys.argv[1]]\n"
        "try: runpy.run_module('intermodal.serving', run_name='__main__')\n"
        f"finally: print('heavy:', [name for name in {HEAVY} if sys.modules.get(name)])\n"
    )
    root = lightgbm_package.parent / "lean"
    shutil.copytree(lightgbm_package, root / "model", dirs_exist_ok=True)
    logged = {"INTERMODAL_PREDICTIONS": f"file://{root / 'logged'}"}
    server = start(None, "-c", program, str(root), INTERMODAL_VERSION="1.0.0", INTERMODAL_CLOUD="gcp", **logged)
    server.until("/ping")
    answer = httpx.post(server.url + INFER, content=request_body(FLIGHTS, [row]))
    assert answer.status_code == 200
    assert answer.headers["x-intermodal-cloud"] == "gcp"
    assert answer.json()["model_version"] == "1.0.0"
    assert server.stop() == 0
    assert "heavy: []" in server.log
    assert list((root / "logged").rglob("*.msgpack.gz"))


def test_process_fast_path_off_serves_the_same(start: Start, lightgbm_package: Path, row: Row) -> None:
    body, responses = request_body(FLIGHTS, [row], "mine"), []
    for switch in ("0", "1"):
        server = start(lightgbm_package, INTERMODAL_FAST_PATH=switch)
        server.until("/ping")
        response = httpx.post(server.url + INFER, content=body)
        responses.append((response.status_code, response.json()))
        assert server.stop() == 0
    assert responses[0] == responses[1]
    assert responses[0][0] == 200


def test_process_sklearn_serves_configured_routes(start: Start, sklearn_package: Path, row: Row) -> None:
    server = start(sklearn_package, AIP_HEALTH_ROUTE="/alive", AIP_PREDICT_ROUTE="/v1/endpoints/1:predict")
    server.until("/alive")
    answer = httpx.post(server.url + "/v1/endpoints/1:predict", json={"instances": [row]})
    assert len(answer.json()["predictions"]) == 1
    assert server.stop() == 0


def test_process_of_pickle_without_keys_exits_1(start: Start, sklearn_package: Path) -> None:
    server = start(sklearn_package, INTERMODAL_UNSIGNED="0")
    assert server.process.wait(20) == 1
    assert "its format 'sklearn' can run code: INTERMODAL_TRUSTED_KEYS_DER is not set" in server.log


def test_process_changed_package_exits_1_before_it_is_loaded(
    start: Start, sklearn_package: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(sklearn_package, tmp_path / "package")
    key = sign(folder)
    server = start(folder, **to_variables([key_text(key)]))
    server.until("/ping")
    assert server.stop() == 0
    touched = tmp_path / "touched"
    (folder / "model.pkl").write_bytes(pickle.dumps(Touch(touched)))
    server = start(folder, **to_variables([key_text(key)]))
    assert server.process.wait(20) == 1
    assert "is not what was signed: model.pkl changed" in server.log
    assert not touched.exists()


class Touch:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


SLOW = """
import time
from sklearn.base import BaseEstimator, ClassifierMixin
import numpy as np

class Slow(ClassifierMixin, BaseEstimator):
    def predict_proba(self, frame):
        if len(frame) == 3:
            open(FLAG, "w").close()
            while not time.sleep(0.02) and __import__("os").path.exists(FLAG):
                pass
        return np.full((len(frame), 2), 0.5)
"""


def slow_package(folder: Path, like: Path, flag: Path) -> Path:
    """A model whose prediction of three rows lasts as long as the flag exists."""
    import cloudpickle

    names: dict[str, Any] = {"FLAG": str(flag), "__name__": "__main__"}
    exec(SLOW, names)
    shutil.copytree(like, folder)
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(names["Slow"]()))
    golden = json.loads((folder / GOLDEN).read_text())
    golden["predictions"] = [[0.5] for _ in golden["rows"]]
    (folder / GOLDEN).write_text(json.dumps(golden))
    return folder


def test_process_sigterm_finishes_requests_in_flight(
    start: Start, sklearn_package: Path, tmp_path: Path, row: Row
) -> None:
    flag = tmp_path / "predicting"
    server = start(slow_package(tmp_path / "slow", sklearn_package, flag))
    server.until("/ping")
    body = request_body(FLIGHTS, [row] * 3)
    head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head + body)
        while not flag.exists():
            time.sleep(0.02)
        # Health answers while the prediction runs.
        assert httpx.get(server.url + "/ping").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        while True:
            try:
                httpx.get(server.url + "/ping")
            except httpx.TransportError:
                break
            time.sleep(0.02)
        assert server.process.poll() is None
        flag.unlink()
        client.settimeout(10)
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"][0]["data"] == [0.5] * 3
    assert server.process.wait(10) == 0


def test_process_sigterm_answers_waiting_requests(
    start: Start, sklearn_package: Path, tmp_path: Path, row: Row
) -> None:
    flag = tmp_path / "predicting"
    server = start(slow_package(tmp_path / "slow", sklearn_package, flag))
    server.until("/ping")
    clients = []
    for rows in (3, 1, 2, 4):
        clients.append(socket.create_connection(("127.0.0.1", server.port)))
        body = request_body(FLIGHTS, [row] * rows)
        head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        clients[-1].sendall(head.encode() + body)
        while not flag.exists():
            time.sleep(0.02)
    while 'intermodal_requests_in_flight{cloud="",model="flight_delay",model_version="0.0.0",target=""} 5.0' not in (
        httpx.get(server.url + "/metrics").text
    ):
        time.sleep(0.02)
    server.process.send_signal(signal.SIGTERM)
    flag.unlink()
    for client, rows in zip(clients, (3, 1, 2, 4), strict=True):
        client.settimeout(10)
        answer = b""
        while part := client.recv(65536):
            answer += part
        client.close()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"][0]["data"] == [0.5] * rows
    assert server.process.wait(10) == 0


def test_process_endless_prediction_exits_1(start: Start, sklearn_package: Path, tmp_path: Path, row: Row) -> None:
    flag, root = tmp_path / "predicting", tmp_path / "endless"
    slow_package(root / "model", sklearn_package, flag)
    program = (
        "import os, sys, pathlib, intermodal.serving.lifecycle as lifecycle, intermodal.serving.server as server\n"
        "lifecycle.DRAIN_SECONDS = 1\n"
        f"sys.exit(server.run(os.environ, pathlib.Path({str(root)!r}), '127.0.0.1', None))\n"
    )
    server = start(None, "-c", program)
    server.until("/ping")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        body = request_body(FLIGHTS, [row] * 3)
        client.sendall(f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        while not flag.exists():
            time.sleep(0.02)
        assert server.stop() == 1
    assert "gave up on a prediction" in server.log


def test_process_sigterm_while_loading_exits_0(start: Start, sklearn_package: Path, tmp_path: Path) -> None:
    flag = tmp_path / "predicting"
    package = slow_package(tmp_path / "slow", sklearn_package, flag)
    golden = json.loads((package / GOLDEN).read_text())
    (package / GOLDEN).write_text(json.dumps({name: values[:3] for name, values in golden.items()}))
    server = start(package)
    server.until("/v2/health/live")
    server.until("/v2/health/ready", 503)
    while not flag.exists():
        time.sleep(0.02)
    assert server.stop() == 0


def test_process_invalid_start_exits_1_with_reason(start: Start, lightgbm_package: Path) -> None:
    server = start(None)
    assert server.process.wait(20) == 1
    assert "No intermodal.json found in: " in server.log

    server = start(lightgbm_package, PORT="http")
    assert server.process.wait(20) == 1
    assert "PORT is 'http'" in server.log


def test_process_golden_rows_differ_exits_1(start: Start, lightgbm_package: Path, tmp_path: Path) -> None:
    package = shutil.copytree(lightgbm_package, tmp_path / "wrong")
    golden = json.loads((package / GOLDEN).read_text())
    golden["predictions"][0][0] += 0.01
    (package / GOLDEN).write_text(json.dumps(golden))
    server = start(package)
    assert server.process.wait(20) == 1
    assert "golden rows' predictions differ by 0.01" in server.log
    assert "Traceback" not in server.log


def test_process_port_in_use_is_named(start: Start, lightgbm_package: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start(lightgbm_package, PORT=str(port))
        assert server.process.wait(20) == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in server.log
    assert "Set another PORT" in server.log


def test_process_malformed_http_keeps_serving(start: Start, lightgbm_package: Path, row: Row) -> None:
    server = start(lightgbm_package)
    server.until("/ping")
    for raw in (
        b"nonsense\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: nine\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{}",
        b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n{}",
        b"POST /invocations HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%ff%00%d8 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(0.2)
            client.sendall(raw)
            try:
                answer = client.recv(65536)
            except TimeoutError:
                answer = b""
        assert not answer.startswith(b"HTTP/1.1 5"), (raw, answer)
    assert httpx.post(server.url + "/invocations", content=b" " * 2_000_000).status_code == 413
    assert httpx.post(server.url + INFER, content=request_body(FLIGHTS, [row])).status_code == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log
