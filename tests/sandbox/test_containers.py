"""A container's process has the packages that its image has in a layer of their own."""

import asyncio
import importlib.metadata
import os
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import httpx
import pytest

from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import LOCK
from intermodal.platform.targets import parse_target
from intermodal.resources.requirements import UvLocker, installed_folder
from intermodal.sandbox import containers
from intermodal.sandbox.settings import IMAGE
from tests.team_project import ROWS, Project
from tests.wheels import wheels

__all__ = ["wheels"]
TRAIN = """
from tinyscale import Times

def piped(X, y):
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    return make_pipeline(Times(10), LinearRegression()).fit(X, y)
"""


@pytest.fixture
def package(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline with a transformer of tinyscale, which this process has for the fit only."""
    del wheels
    project = Project(tmp_path / "tree", "contained").write()
    (project.sources.folder / "train.py").write_text(TRAIN)
    folder = tmp_path / "root/model"
    lock = UvLocker().lock("tinyscale", "sklearn", {})
    (tmp_path / "lock").write_text(lock)
    with monkeypatch.context() as fitting:
        fitting.syspath_prepend(str(installed_folder(tmp_path / "lock", tmp_path / "training")))
        with project.importable() as train:
            project.package(train, "piped", folder)
    (folder / LOCK).write_text(lock)
    return folder


async def _answer(root: Path) -> float:
    image = f"registry/{IMAGE}:{importlib.metadata.version('intermodal')}"
    env = {"INTERMODAL_UNSIGNED": "1"}
    async with aiohttp.ClientSession() as session:
        target = parse_target("aws/sagemaker")
        container = await containers.start(image, root, env, "/ping", SimpleNamespace(session=session), target)  # type: ignore[arg-type]
        try:
            inputs = [
                {"name": name, "datatype": "FP64", "shape": [1], "data": [float(ROWS[name][0])]} for name in ("a", "b")
            ]
            url = f"{container.url}/v2/models/piped/infer"
            answer = await asyncio.to_thread(httpx.post, url, json={"inputs": inputs}, trust_env=False)
            return float(answer.json()["outputs"][0]["data"][0])
        finally:
            await container.stop()


def test_container_serves_a_model_with_its_own_packages(package: Path) -> None:
    assert asyncio.run(_answer(package.parent)) == pytest.approx(3 * ROWS["a"][0] - ROWS["b"][0])
    assert sorted(Path(os.environ["INTERMODAL_PACKAGES_CACHE"]).glob("*/tinyscale.py"))


def test_container_without_its_packages_does_not_start(package: Path) -> None:
    (package / LOCK).unlink()
    with pytest.raises(containers.StartFailed, match="imports tinyscale"):
        asyncio.run(_answer(package.parent))


def test_container_whose_lock_has_a_wrong_hash_says_so(package: Path) -> None:
    assert Package.read(package).format == "sklearn"
    (package / LOCK).write_text(f"tinyscale==1.1 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(containers.StartFailed, match=r"(?s)CannotPullContainer.*Hash mismatch"):
        asyncio.run(_answer(package.parent))
