"""The prediction log of a server process: every prediction is in the store when the process has ended."""

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest
from obstore.store import S3Store

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.platform.protocol.sensitive import to_variables
from intermodal.platform.protocol.v2 import request_body
from tests.emulators import Emulator, moto  # noqa: F401
from tests.fault_proxy import Fault, fault_proxy
from tests.log_objects import Logged, requests
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER
from tests.serving.test_process import Server, Start, start  # noqa: F401

FAST_SHUTDOWN = (
    "import os, sys, pathlib, intermodal.serving.lifecycle as lifecycle, intermodal.serving.server as server\n"
    "lifecycle.DRAIN_SECONDS, lifecycle.SHUTDOWN_SECONDS = 1, {grace}\n"
    "sys.exit(server.run(os.environ, pathlib.Path({root!r}), '127.0.0.1', None))\n"
)


def logged(objects: Iterable[bytes]) -> list[Logged]:
    return [entry for data in objects for entry in requests(data)[1]]


def in_folder(folder: Path) -> list[Logged]:
    return logged(path.read_bytes() for path in folder.rglob("*.msgpack.gz"))


def metric(server: Server, name: str) -> float:
    text = httpx.get(server.url + "/metrics").text
    found = [line for line in text.splitlines() if line.startswith(f"intermodal_predictions_{name}")]
    return float(found[0].rpartition(" ")[2])


class Load:
    """Threads that send requests until the server is gone. ``answered`` has the ids of those with a 200."""

    def __init__(self, server: Server, row: Row, threads: int = 4) -> None:
        self.answered: list[str] = []
        self._body = json.loads(request_body(FLIGHTS, [row]))
        self._threads = [threading.Thread(target=self._send, args=(server.url, n)) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _send(self, url: str, thread: int) -> None:
        with httpx.Client() as client:
            for number in range(1_000_000):
                body = {**self._body, "id": f"{thread}-{number}"}
                try:
                    answer = client.post(url + INFER, json=body)
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    self.answered.append(body["id"])

    def wait(self, enough: Callable[[], bool] = lambda: True) -> None:
        """Wait until at least 200 were answered and ``enough`` is true."""
        pause = threading.Event()
        while len(self.answered) < 200 or not enough():
            assert any(thread.is_alive() for thread in self._threads), "the server is gone"
            pause.wait(0.02)

    def join(self) -> list[str]:
        for thread in self._threads:
            thread.join(20)
        return self.answered


def test_log_sigterm_under_load_loses_nothing(start: Start, lightgbm_package: Path, tmp_path: Path, row: Row) -> None:  # noqa: F811
    store = tmp_path / "store"
    server = start(lightgbm_package, INTERMODAL_PREDICTIONS=store.as_uri(), INTERMODAL_CLOUD="gcp")
    server.until("/ping")
    load = Load(server, row)
    load.wait()
    server.process.send_signal(signal.SIGTERM)
    answered = load.join()
    assert server.process.wait(15) == 0
    found = [entry.label_id for entry in in_folder(store)]
    assert len(found) == len(set(found))
    # A request can be answered and logged while its connection breaks, so the log may know of a few more.
    assert set(answered) <= set(found)
    assert len(found) - len(answered) <= 4
    assert "lost" not in server.log


def test_log_store_500_temporarily_loses_nothing(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    moto: Emulator,  # noqa: F811
    row: Row,
) -> None:
    with fault_proxy(moto.url) as proxy:
        proxy.faults.append(Fault(500, match=lambda seen: seen.method == "PUT"))
        server = start(
            lightgbm_package,
            INTERMODAL_PREDICTIONS=f"s3://{moto.bucket}/at-500",
            AWS_ENDPOINT_URL=proxy.url,
            AWS_REGION="us-east-1",
        )
        server.until("/ping")
        load = Load(server, row)
        load.wait()
        server.process.send_signal(signal.SIGTERM)  # the last flush is refused, for a second or so
        while len(proxy.sent("PUT")) < 4:
            assert server.process.poll() is None, server.log
        proxy.faults.clear()
        answered = load.join()
        assert server.process.wait(15) == 0
    config: Any = {"region": "us-east-1", "endpoint": moto.url}
    store = S3Store(moto.bucket, config=config, client_options={"allow_http": True})
    found = [item["path"] for item in store.list("at-500/").collect()]
    assert set(answered) <= {entry.label_id for entry in logged(bytes(store.get(path).bytes()) for path in found)}
    assert "waits for its store" in server.log
    assert "lost" not in server.log


def test_log_store_hangs_serving_and_exit_continue(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    row: Row,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        server = start(
            None,
            "-c",
            FAST_SHUTDOWN.format(grace=1.5, root=str(lightgbm_package)),
            MODEL_URI="/",
            INTERMODAL_PREDICTIONS="s3://bucket",
            AWS_ENDPOINT_URL=url,
            AWS_REGION="us-east-1",
        )
        server.until("/ping")
        for _ in range(3):
            assert httpx.post(server.url + INFER, content=request_body(FLIGHTS, [row])).status_code == 200
        assert server.stop() == 0
    assert "3 predictions are lost" in server.log


def test_log_store_hangs_process_memory_is_bounded(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    row: Row,
) -> None:
    limits = "prediction_log.Limits(100_000, 100_000, 10_000, 0.2)"
    program = (
        "import intermodal.serving.prediction_log.log as prediction_log, intermodal.serving.lifecycle as real\n"
        "log = real.PredictionLog\n"
        f"real.PredictionLog = lambda *a: log(*a, {limits})\n"
    ) + FAST_SHUTDOWN.format(grace=1.5, root=str(lightgbm_package))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = start(
            None,
            "-c",
            program,
            MODEL_URI="/",
            INTERMODAL_PREDICTIONS="s3://bucket",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}",
            AWS_REGION="us-east-1",
            INTERMODAL_PREDICTIONS_ROWS_PER_SECOND="1000000",
        )
        server.until("/ping")
        body = request_body(FLIGHTS, [{**row, "distance": n / 7} for n in range(1000)])
        sent = 0
        with httpx.Client() as client:
            while sent % 20 or metric(server, "dropped_total") < 20:
                assert client.post(server.url + INFER, content=body).status_code == 200
                sent += 1
                assert sent < 500
        # 100 kB of objects and 100 kB of requests, of which each has about as much.
        assert sent - metric(server, "dropped_total") < 100
        assert server.stop() == 0
    assert "predictions are lost" in server.log


def test_log_package_sensitive_columns_are_not_stored(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    tmp_path: Path,
    row: Row,
) -> None:
    server = start(lightgbm_package, INTERMODAL_PREDICTIONS=(tmp_path / "store").as_uri())
    server.until("/ping")
    assert server.stop() == 0
    packed = tmp_path / "root0/opt/ml/model" / DESCRIPTOR
    packed.write_text(json.dumps({**json.loads(packed.read_text()), "sensitive": ["carrier"]}))
    again = Server(tmp_path / "root0", tmp_path / "log-again", INTERMODAL_PREDICTIONS=(tmp_path / "store").as_uri())
    try:
        again.until("/ping")
        httpx.post(again.url + "/invocations", json={"instances": [{**row, "carrier": "B6"}]}).raise_for_status()
        assert again.stop() == 0
    finally:
        again.process.kill()
        again.process.wait()
    [entry] = in_folder(tmp_path / "store")
    assert set(entry.inputs) == set(row) - {"carrier"}


def test_log_spec_sensitive_columns_are_not_stored(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    tmp_path: Path,
    row: Row,
) -> None:
    hidden = to_variables(["carrier", "a column of another version"])
    server = start(lightgbm_package, INTERMODAL_PREDICTIONS=(tmp_path / "store").as_uri(), **hidden)
    server.until("/ping")
    httpx.post(server.url + "/invocations", json={"instances": [{**row, "carrier": "B6"}]}).raise_for_status()
    assert server.stop() == 0
    [entry] = in_folder(tmp_path / "store")
    assert set(entry.inputs) == set(row) - {"carrier"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"INTERMODAL_PREDICTIONS": "bucket"}, "INTERMODAL_PREDICTIONS is 'bucket'"),
        ({"INTERMODAL_PREDICTIONS_SAMPLE": "2"}, "INTERMODAL_PREDICTIONS_SAMPLE is '2'"),
        ({"INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": "0"}, "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND is '0'"),
        ({"INTERMODAL_PREDICTIONS_SENSITIVE": "carrier"}, "INTERMODAL_PREDICTIONS_SENSITIVE holds no names"),
    ],
)
def test_process_invalid_log_setting_exits_1(
    start: Start,  # noqa: F811
    lightgbm_package: Path,
    variables: dict[str, str],
    words: str,
) -> None:
    server = start(lightgbm_package, **variables)
    assert server.process.wait(20) == 1
    assert words in server.log
    assert "Traceback" not in server.log
