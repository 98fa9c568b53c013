"""Starting is all or nothing: what a failed start began is ended, and what ran before goes on."""

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intermodal.platform.errors import IntermodalError
from intermodal.platform.targets import Site
from intermodal.sandbox import clouds
from intermodal.sandbox.local import services, up
from intermodal.sandbox.local.project import Project
from intermodal.sandbox.processes import Programs
from intermodal.sandbox.service import Service
from intermodal.sandbox.settings import Ports, Settings, free_port
from intermodal.sandbox.undo import ended_on_failure

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    programs = Programs(tmp_path)
    yield programs
    for name in programs.names():
        programs.stop(name, kill=True)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_up_on_a_taken_port_ends_what_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: Programs, taken: int
) -> None:
    settings = Settings(tmp_path, Ports(), ())
    found = [Service(name, port, SLEEP, "") for name, port in (("mlflow", free_port()), ("gateway", taken), ("ui", 1))]
    monkeypatch.setattr(services, "services", lambda *_: found)
    with pytest.raises(IntermodalError, match=f"Port {taken}, which gateway needs") as error:
        up.start(settings, Project.find(Path(__file__)), print, up.Phases())
    assert "ended again: mlflow" in error.value.hint
    assert "INTERMODAL_GATEWAY_PORT" in error.value.hint
    assert programs.names() == []


def test_up_on_a_taken_port_leaves_what_ran_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: Programs, taken: int
) -> None:
    programs.start("mlflow", SLEEP, os.environ)
    found = [Service(name, port, SLEEP, "") for name, port in (("mlflow", free_port()), ("gateway", taken), ("ui", 1))]
    monkeypatch.setattr(services, "services", lambda *_: found)
    with pytest.raises(IntermodalError) as error:
        up.start(Settings(tmp_path, Ports(), ()), Project.find(Path(__file__)), print, up.Phases())
    assert "ended again" not in error.value.hint
    assert programs.running("mlflow")


def test_sites_on_a_taken_port_end_those_started_before(tmp_path: Path, programs: Programs, taken: int) -> None:
    ports = replace(Ports(), aws=free_port(), gcp=taken)
    with pytest.raises(IntermodalError, match=f"Port {taken}, which gcp needs") as error:
        clouds.up(Settings(tmp_path, ports, (Site("aws"), Site("gcp"))))
    assert "ended again: cloud-aws" in error.value.hint
    assert programs.names() == []


def test_start_that_is_interrupted_ends_what_it_started(programs: Programs) -> None:
    def interrupted() -> None:
        with ended_on_failure(programs.stop) as started:
            programs.start("first", SLEEP, os.environ)
            started.append("first")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert programs.names() == []
