"""Several processes: they share the connections, add up their metrics, are replaced, and stop together."""

import json
import os
import re
import select
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from intermodal.platform.protocol.package import GOLDEN
from intermodal.platform.protocol.v2 import request_body
from intermodal.serving.processes.count import container_cores
from intermodal.serving.processes.loader import unsafe_threads
from tests.serving.conftest import FLIGHTS, Row
from tests.serving.driver import INFER
from tests.serving.test_log_process import Load, in_folder
from tests.serving.test_process import Server, Start, slow_package, start  # noqa: F401


def children(process: int) -> list[int]:
    try:
        return [int(text) for text in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def workers(server: Server) -> list[int]:
    found = children(server.process.pid)
    return children(found[0]) if found else []


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it did not come")


def value(server: Server, name: str, *labels: str) -> float:
    """The sum of the samples with these texts in their labels."""
    lines = httpx.get(server.url + "/metrics").text.splitlines()
    found = [line for line in lines if re.match(rf"{name}[ {{]", line) and all(label in line for label in labels)]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def serving(server: Server) -> float:
    try:
        return value(server, "intermodal_processes")
    except httpx.TransportError:
        return 0


def sockets_of(process: int) -> int:
    """How many established connections of clients the process holds."""
    inodes = set[str]()
    for handle in Path(f"/proc/{process}/fd").iterdir():
        try:
            inodes.add(os.readlink(handle).removeprefix("socket:[").removesuffix("]"))
        except FileNotFoundError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "01" and row[9] in inodes for row in rows)


@pytest.fixture
def start_with(start: Start) -> Start:  # noqa: F811
    """Start a server of several processes, and wait until all of them serve."""

    def start_server(package: Path, processes: int, *, wait: bool = True, **environment: str) -> Server:
        server: Server = start(package, INTERMODAL_PROCESSES=str(processes), **environment)
        if wait:
            server.until("/ping")
            until(lambda: serving(server) == processes)
        return server

    return start_server


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_connections_equally(start_with: Start, lightgbm_package: Path, row: Row, count: int) -> None:
    server = start_with(lightgbm_package, count)
    assert len(workers(server)) == count
    clients = [httpx.Client() for _ in range(4 * count)]
    body = request_body(FLIGHTS, [row])
    for client in clients:
        assert client.post(server.url + INFER, content=body).status_code == 200
    assert [sockets_of(worker) for worker in workers(server)] == [4] * count
    for client in clients:
        client.close()
    assert server.stop() == 0
    assert "Traceback" not in server.log


def test_processes_metrics_are_sums_and_outlive_a_worker(start_with: Start, lightgbm_package: Path, row: Row) -> None:
    server, body = start_with(lightgbm_package, 2), request_body(FLIGHTS, [row, row])
    for _ in range(30):
        assert httpx.post(server.url + INFER, content=body).status_code == 200
    for _ in range(2):
        assert value(server, "intermodal_rows_total") == 60
        assert value(server, "intermodal_requests_total", "infer", 'code="200"') == 30
    cpu = value(server, "process_cpu_seconds_total")
    for worker in workers(server):
        os.kill(worker, signal.SIGKILL)
    until(lambda: value(server, "intermodal_processes_replaced_total") == 2 and serving(server) == 2)
    assert value(server, "intermodal_rows_total") == 60
    assert value(server, "process_cpu_seconds_total") >= cpu
    assert httpx.post(server.url + INFER, content=body).status_code == 200
    assert value(server, "intermodal_rows_total") == 62
    assert server.log.count("ended by signal SIGKILL; another one starts") == 2
    assert server.stop() == 0


def test_processes_killed_worker_fails_only_its_own_requests(
    start_with: Start, lightgbm_package: Path, row: Row
) -> None:
    server, body = start_with(lightgbm_package, 2), request_body(FLIGHTS, [row])
    victim = workers(server)[0]
    failed, answered, stop = list[Exception](), [0] * 8, threading.Event()

    def send(number: int) -> None:
        """One connection for all requests; after a failure a new one."""
        while not stop.is_set():
            try:
                with httpx.Client() as client:
                    while not stop.is_set():
                        assert client.post(server.url + INFER, content=body).status_code == 200
                        answered[number] += 1
            except httpx.TransportError as error:
                failed.append(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: min(answered) > 20)
    held = sockets_of(victim)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(workers(server)) == 2 and victim not in workers(server))
    before = list(answered)
    until(lambda: all(now > then + 20 for now, then in zip(answered, before, strict=True)))
    stop.set()
    for thread in threads:
        thread.join()
    assert 0 < held < 8
    assert len(failed) <= held
    assert server.stop() == 0


def test_processes_sigterm_to_one_worker_fails_nothing(start_with: Start, lightgbm_package: Path, row: Row) -> None:
    server, body = start_with(lightgbm_package, 2), request_body(FLIGHTS, [row])
    first, stop, problems, count = workers(server)[0], threading.Event(), list[object](), [0]

    def send() -> None:
        while not stop.is_set():
            try:
                status = httpx.post(server.url + INFER, content=body, headers={"connection": "close"}).status_code
            except httpx.TransportError as error:
                problems.append(error)
            else:
                problems.extend([status] * (status != 200))
                count[0] += 1

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: count[0] > 50)
    os.kill(first, signal.SIGTERM)
    until(lambda: first not in workers(server) and len(workers(server)) == 2)
    before = count[0]
    until(lambda: count[0] > before + 50)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert server.stop() == 0


def test_processes_sigterm_under_load_loses_nothing(
    start_with: Start, lightgbm_package: Path, tmp_path: Path, row: Row
) -> None:
    store = tmp_path / "store"
    server = start_with(lightgbm_package, 2, INTERMODAL_PREDICTIONS=store.as_uri(), INTERMODAL_CLOUD="gcp")
    load = Load(server, row)
    load.wait()
    server.process.send_signal(signal.SIGTERM)
    answered = load.join()
    assert server.process.wait(15) == 0
    found = [entry.label_id for entry in in_folder(store)]
    assert len(found) == len(set(found))
    assert set(answered) <= set(found)
    assert len(found) - len(answered) <= 4
    assert "lost" not in server.log


def test_processes_sigterm_finishes_requests_in_flight(
    start_with: Start, sklearn_package: Path, tmp_path: Path, row: Row
) -> None:
    flag = tmp_path / "predicting"
    server = start_with(slow_package(tmp_path / "slow", sklearn_package, flag), 2)
    body = request_body(FLIGHTS, [row] * 3)
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        until(flag.exists)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: len(workers(server)) == 1)  # the idle one has drained
        flag.unlink()
        client.settimeout(10)
        answer = b""
        while part := client.recv(65536):
            answer += part
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"][0]["data"] == [0.5] * 3
    assert server.process.wait(10) == 0


def test_processes_sigterm_to_all_exits_0(start_with: Start, lightgbm_package: Path) -> None:
    server = start_with(lightgbm_package, 2)
    (loader,) = children(server.process.pid)
    for process in (*workers(server), loader, server.process.pid):
        os.kill(process, signal.SIGTERM)
    assert server.process.wait(15) == 0
    assert not running(loader)
    assert "Traceback" not in server.log


def test_processes_killed_parent_leaves_no_process(start_with: Start, lightgbm_package: Path) -> None:
    server = start_with(lightgbm_package, 2)
    (loader,) = children(server.process.pid)
    family = [loader, *workers(server)]
    server.process.kill()
    server.process.wait()
    until(lambda: not any(map(running, family)))


def test_processes_killed_loader_drains_and_exits_1(start_with: Start, lightgbm_package: Path) -> None:
    server = start_with(lightgbm_package, 2)
    (loader,), family = children(server.process.pid), workers(server)
    os.kill(loader, signal.SIGKILL)
    assert server.process.wait(15) == 1
    assert "loaded the models ended by signal SIGKILL" in server.log
    until(lambda: not any(map(running, family)))


def test_processes_model_that_does_not_load_exits_1(start_with: Start, lightgbm_package: Path, tmp_path: Path) -> None:
    package = shutil.copytree(lightgbm_package, tmp_path / "wrong")
    golden = json.loads((package / GOLDEN).read_text())
    golden["predictions"][0][0] += 0.01
    (package / GOLDEN).write_text(json.dumps(golden))
    server = start_with(package, 2, wait=False)
    assert server.process.wait(20) == 1
    assert server.log.count("golden rows' predictions differ by 0.01") == 1
    assert "Traceback" not in server.log


def test_processes_wrong_log_store_exits_1(start_with: Start, lightgbm_package: Path) -> None:
    server = start_with(lightgbm_package, 2, wait=False, INTERMODAL_PREDICTIONS="ftp://x/y")
    assert server.process.wait(20) == 1
    assert "INTERMODAL_PREDICTIONS is" in server.log


def test_processes_while_loading_answer_503_and_exit_0(
    start_with: Start, sklearn_package: Path, tmp_path: Path, row: Row
) -> None:
    flag = tmp_path / "predicting"
    package = slow_package(tmp_path / "slow", sklearn_package, flag)
    golden = json.loads((package / GOLDEN).read_text())
    (package / GOLDEN).write_text(json.dumps({name: values[:3] for name, values in golden.items()}))
    server = start_with(package, 2, wait=False)
    server.until("/v2/health/live")
    until(flag.exists)
    for path in ("/ping", "/v2/health/ready"):
        answer = httpx.get(server.url + path)
        assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert httpx.post(server.url + INFER, content=request_body(FLIGHTS, [row])).status_code == 503
    assert httpx.get(server.url + "/nowhere").status_code == 404
    assert value(server, "intermodal_ready") == 0
    (loader,) = children(server.process.pid)
    assert server.stop() == 0
    assert not running(loader)


def test_processes_several_numeric_threads_serve_in_one(start: Start, lightgbm_package: Path) -> None:  # noqa: F811
    server = start(lightgbm_package, INTERMODAL_PROCESSES="2", OMP_NUM_THREADS="2")
    server.until("/ping")
    assert children(server.process.pid) == []
    assert "one process serves, because OMP_NUM_THREADS is not 1" in server.log
    assert server.stop() == 0


def test_processes_killed_worker_leaves_untaken_to_others(start_with: Start, lightgbm_package: Path, row: Row) -> None:
    server, body = start_with(lightgbm_package, 2), request_body(FLIGHTS, [row])
    head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    stopped = workers(server)[0]
    os.kill(stopped, signal.SIGSTOP)
    clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
    for client in clients:
        client.settimeout(20)
        client.sendall(head + body)
    until(lambda: len(select.select(clients, [], [], 0)[0]) == 4)  # the other worker has answered its half
    os.kill(stopped, signal.SIGKILL)
    for connection in clients:
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()
    assert server.stop() == 0


def test_processes_workers_that_end_early_end_the_server(start_with: Start, lightgbm_package: Path) -> None:
    server = start_with(lightgbm_package, 2)
    while server.process.poll() is None:
        for worker in workers(server):
            with suppress(ProcessLookupError):  # it ended since it was listed
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.02)
    assert server.process.returncode == 1
    assert "5 in a row ended soon after their start" in server.log
    assert "Traceback" not in server.log


def test_container_cores_are_the_quota_rounded_down(tmp_path: Path) -> None:
    mine = len(os.sched_getaffinity(0))
    assert container_cores(tmp_path) == mine
    v1 = tmp_path / "sys/fs/cgroup/cpu"
    v1.mkdir(parents=True)
    (v1 / "cpu.cfs_period_us").write_text("100000\n")
    for quota, cores in (("-1", mine), ("50000", 1), ("199000", 1)):
        (v1 / "cpu.cfs_quota_us").write_text(quota + "\n")
        assert container_cores(tmp_path) == cores
    for quota, cores in (("max 100000", mine), ("10000 100000", 1), ("6400000 100000", mine)):
        (tmp_path / "sys/fs/cgroup/cpu.max").write_text(quota + "\n")
        assert container_cores(tmp_path) == cores


def test_unsafe_threads_are_named() -> None:
    before = unsafe_threads()
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    assert len(unsafe_threads()) == len(before) + 1
    release.set()
    thread.join()
