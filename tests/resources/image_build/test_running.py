"""The whole image: built from Debian's packages and the locked ones, unpacked, and started as platforms start it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from intermodal.platform.deployment.oci import ImageLayout
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Golden
from intermodal.platform.protocol.v2 import predictions, request_body
from intermodal.resources.image_build.build import LayoutBuilder
from intermodal.resources.image_build.cache import LayerCache
from intermodal.resources.image_build.debian import shipped_base
from intermodal.resources.image_build.dependencies import LockedDependencies
from intermodal.resources.images.unpack import unpack
from intermodal.resources.python_packages import shipped_locks
from tests import tiny_package
from tests.resources.image_build.containers import Container, containers, environment_of

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(600)]
CACHE = Path(__file__).resolve().parents[3] / ".intermodal/images"
"""Layers by their inputs, kept from run to run: the first run downloads and compresses 32 MB."""


class Image(NamedTuple):
    built: ImageLayout
    root: Path
    config: dict[str, Any]
    package: Path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if shutil.which("apt-get") is None:
        pytest.skip("Debian's packages need apt-get, which is not here")
    home = tmp_path_factory.mktemp("image")
    package = tiny_package.build(home / "package")
    builder = LayoutBuilder(shipped_base(), LockedDependencies(shipped_locks()), LayerCache(CACHE))
    built = builder.build(package, "1.2.3", Manifest.of(package).digest, home / "layout")
    config = unpack(built.folder, built.digest, home / "root")
    return Image(built, home / "root", config, package)


@pytest.fixture(scope="module")
def container(image: Image) -> Container:
    found, reasons = containers(image.root, image.config["config"]["Entrypoint"][0])
    if not found:
        pytest.skip(f"no way to start an image here: {reasons}")
    return found[0]


@contextmanager
def started(
    container: Container, image: Image, user: int, log: Path, *arguments: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = environment_of(image.config, PORT=str(port))
    command = container.command(image.root, user, [*image.config["config"]["Entrypoint"], *arguments], environment)
    if container.name == "chroot":
        command = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/v2/health/ready", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"never ready: {log.read_text()}")


@pytest.mark.parametrize(("user", "arguments"), [(0, ("serve",)), (65534, ()), (123456, ("serve",))])
def test_image_serves_golden_rows_read_only_as_any_user(
    image: Image, container: Container, user: int, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    golden, log = Golden.read(image.package), tmp_path / "log"
    with started(container, image, user, log, *arguments) as (url, process):
        wait_ready(url, process, log)
        body = request_body(tiny_package.SIGNATURE, golden.rows)
        answer = httpx.post(f"{url}/v2/models/flight_delay/infer", content=body, trust_env=False)
        assert answer.status_code == 200, answer.text
        assert predictions(answer.content) == golden.predictions
        assert answer.json()["model_version"] == "1.2.3"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, log.read_text()


def test_image_train_is_refused_and_exits_2(image: Image, container: Container, tmp_path: Path) -> None:
    with started(container, image, 0, tmp_path / "log", "train") as (_, process):
        assert process.wait(60) == 2
    assert "no training code" in (tmp_path / "log").read_text()


def test_image_has_no_shell_no_numpy_and_no_broken_link(image: Image) -> None:
    dependencies = {path.name for path in (image.root / "opt/intermodal/dependencies").iterdir()}
    assert "lightgbm" in dependencies
    assert not dependencies & {"numpy", "scipy", "pandas"}
    assert not (image.root / "bin/sh").exists()
    links = [path for path in image.root.rglob("*") if path.is_symlink()]
    assert len(links) > 20
    assert [str(path) for path in links if not _resolves(image.root, path)] == []


def _resolves(root: Path, link: Path) -> bool:
    """Whether a link leads to something in the image; absolute ones start at its root."""
    target = os.readlink(link)
    path = Path(f"{root}{target}" if target.startswith("/") else os.path.normpath(link.parent / target))
    return path.exists() or (path.is_symlink() and _resolves(root, path))


def test_image_layers_are_small_and_world_readable(image: Image) -> None:
    sizes = {layer.name: layer.size for layer in image.built.layers}
    assert image.built.size < 40_000_000, json.dumps(sizes)
    unreadable = [path for path in (image.root / "opt").rglob("*") if not path.stat().st_mode & 0o004]
    assert unreadable == []
