"""The packaged server as a process: the conformance suite, its environment, and its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from intermodal.platform.ports.package_server import PackageServer
from intermodal.resources.package_server import LocalPackageServer
from tests.conformance.package_server import MODEL, PackageServerConformance
from tests.memory import MemoryPackageServer
from tests.tiny_package import build


class TestLocal(PackageServerConformance):
    @pytest.fixture
    def server(self) -> PackageServer:
        return LocalPackageServer()


class TestMemory(PackageServerConformance):
    @pytest.fixture
    def server(self) -> PackageServer:
        return MemoryPackageServer()


def _servers() -> Sequence[Any]:
    return [child for child in psutil.Process().children() if "intermodal.serving" in " ".join(child.cmdline())]


def test_server_has_ended_after_the_trial(tmp_path: Path) -> None:
    with LocalPackageServer().start(build(tmp_path), MODEL):
        (running,) = _servers()
    assert not running.is_running()


def test_variables_of_this_process_do_not_reach_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERMODAL_PREDICTIONS", "nowhere://at-all")
    monkeypatch.setenv("PORT", "not a port")
    monkeypatch.setenv("AIP_STORAGE_URI", "gs://bucket/model")
    with LocalPackageServer().start(build(tmp_path), MODEL) as answer:
        assert answer
