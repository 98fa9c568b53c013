"""Programs in the background: found again, ended whole, and not confused with others."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.processes import Programs, Record, group_members

SLEEP = "import time; time.sleep(60)"
FAMILY = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{SLEEP}']); {SLEEP}"


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def start(programs: Programs, code: str, name: str = "family") -> int:
    programs.start(name, [sys.executable, "-c", code], dict(os.environ))
    return int(json.loads((programs.run / f"{name}.json").read_text())["pid"])


def wait_for(count: int, pid: int) -> list[psutil.Process]:
    for _ in range(100):
        if len(members := group_members(Record(pid, 0.0))) == count:
            return members
        time.sleep(0.05)
    raise AssertionError(f"expected {count} processes, there are {members}")


def test_program_is_found_again_and_started_once(programs: Programs) -> None:
    first = start(programs, SLEEP)
    assert Programs(programs.run.parent).running("family")
    assert start(programs, SLEEP) == first
    programs.stop("family")
    assert not programs.running("family")
    assert programs.names() == []


@pytest.mark.parametrize("kill", [False, True])
def test_children_end_with_it(programs: Programs, kill: bool) -> None:
    pid = start(programs, FAMILY)
    members = wait_for(2, pid)
    programs.stop("family", kill=kill)
    assert not any(process.is_running() and process.status() != "zombie" for process in members)


def test_children_are_found_when_the_first_process_is_gone(programs: Programs) -> None:
    pid = start(programs, FAMILY)
    members = wait_for(2, pid)
    os.kill(pid, signal.SIGKILL)
    wait_for(1, pid)
    assert not programs.running("family")
    programs.stop("family")
    assert not any(process.is_running() and process.status() != "zombie" for process in members)


def test_later_process_with_the_same_id_is_left_alone(programs: Programs) -> None:
    programs.run.mkdir()
    mine = Record(os.getpid(), psutil.Process().create_time() - 1000)
    (programs.run / "old.json").write_text(json.dumps(vars(mine)))
    assert not programs.running("old")


def test_stopping_twice_is_a_success(programs: Programs) -> None:
    programs.stop("never started")
    programs.stop("never started")


def test_program_that_dies_while_starting_raises_with_its_log(programs: Programs) -> None:
    start(programs, "raise SystemExit('no such disk')")
    with pytest.raises(IntermodalError, match="ended while starting") as error:
        programs.wait("family", lambda: False, seconds=20)
    assert "no such disk" in error.value.hint


def test_program_that_is_never_ready_is_named(programs: Programs) -> None:
    start(programs, SLEEP)
    with pytest.raises(IntermodalError, match="family was not ready"):
        programs.wait("family", lambda: False, seconds=0.1)
    programs.stop("family")


def test_program_started_again_while_stopped_stays_known(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    start(programs, SLEEP)
    wait, again = psutil.wait_procs, list[int]()

    def wait_and_start(*arguments: Any, **options: Any) -> Any:
        ended = wait(*arguments, **options)
        if not again:
            again.append(0)  # starting waits as well
            again[:] = [start(programs, SLEEP)]
        return ended

    monkeypatch.setattr(psutil, "wait_procs", wait_and_start)
    programs.stop("family", kill=True)  # a child of who ignores SIGTERM ignores it too
    assert programs.running("family")
    programs.stop("family", kill=True)
    assert not psutil.pid_exists(again[0]) or psutil.Process(again[0]).status() == "zombie"


@pytest.mark.parametrize("seconds", [-1.0, 1.0])
def test_program_is_found_after_the_clock_was_set(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    start(programs, SLEEP)
    began = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: began(process) + seconds)
    assert programs.running("family")
    programs.stop("family")
    assert programs.names() == []
