"""A model's own packages are locked by uv and installed once, also when installs are killed or meet."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from intermodal.platform.errors import IntermodalError, SpecError, Unavailable
from intermodal.platform.ports.requirements import Locker
from intermodal.platform.protocol.requirements import pinned
from intermodal.resources import requirements
from intermodal.resources.requirements import UvLocker, installed_folder
from tests.conformance.requirements import LockerConformance
from tests.memory import MemoryLocker
from tests.wheels import sdist, wheel, wheels

__all__ = ["wheels"]
HERE = {"tinyscale": "1.0"}
"""The packages of a training environment."""


class TestUv(LockerConformance):
    @pytest.fixture
    def locker(self, wheels: Path) -> Locker:
        wheel(wheels, "numpy", "2.4.6", {"numpy.py": ""})
        return UvLocker()


class TestMemory(LockerConformance):
    @pytest.fixture
    def locker(self) -> Locker:
        return MemoryLocker()


def lock_file(tmp_path: Path, text: str = "") -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(text or UvLocker().lock("tinyscale", "sklearn", HERE), encoding="utf-8")
    return path


def test_lock_has_the_version_that_was_fitted_with_and_its_hash(wheels: Path) -> None:
    text = UvLocker().lock("tinyscale>=1  # scales\n", "sklearn", HERE)
    assert pinned(text) == HERE
    assert "--hash=sha256:" in text
    assert str(wheels) not in text
    assert pinned(UvLocker().lock("tinyscale>=1", "sklearn", {})) == {"tinyscale": "1.1"}


def test_lock_leaves_out_packages_that_the_server_has(wheels: Path) -> None:
    wheel(wheels, "numpy", "2.4.6", {"numpy.py": ""})
    wheel(wheels, "tinystats", "1.0", {"tinystats.py": ""}, ["numpy>=2", "tinyscale"])
    found = UvLocker().lock("tinystats", "sklearn", {"numpy": "2.4.5", **HERE})
    assert pinned(found) == {"tinystats": "1.0", **HERE}


def test_lock_that_holds_needs_no_index(wheels: Path) -> None:
    first = UvLocker().lock("tinyscale", "sklearn", {})
    for path in wheels.iterdir():
        path.unlink()
    assert UvLocker().lock("tinyscale", "sklearn", {"tinyscale": "1.1", "other": "3"}, first) == first


@pytest.mark.usefixtures("wheels")
def test_lock_of_another_text_is_made_again() -> None:
    first = UvLocker().lock("tinyscale", "sklearn", HERE)
    assert UvLocker().lock("tinyscale<2", "sklearn", HERE, first) != first


@pytest.mark.parametrize("text", ["numpy<2", "tinyold"])
def test_conflict_with_the_server_has_uvs_own_sentence(wheels: Path, text: str) -> None:
    wheel(wheels, "tinyold", "1.0", {"tinyold.py": ""}, ["numpy<2"])
    with pytest.raises(SpecError, match=r"sklearn server.*numpy<2.*numpy==2.*unsatisfiable") as caught:
        UvLocker().lock(text, "sklearn", {})
    assert "\n" not in str(caught.value)


def test_package_that_is_source_only_is_named(wheels: Path) -> None:
    sdist(wheels, "tinysource", "1.0")
    with pytest.raises(SpecError, match=r"only as source.*tinysource.*pip wheel"):
        UvLocker().lock("tinysource", "sklearn", {})


def test_index_that_does_not_answer_is_unavailable(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(Unavailable, match=r"index does not answer.*127\.0\.0\.1:9"):
        UvLocker().lock("tinyabsent", "sklearn", {})
    assert wheels.is_dir()


def test_unknown_package_is_named(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (wheels.parent / "index").mkdir()
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("UV_DEFAULT_INDEX", (wheels.parent / "index").as_uri())
    with pytest.raises(SpecError, match=r"tinyabsent was not found"):
        UvLocker().lock("tinyabsent", "sklearn", {})


def test_install_is_made_once(tmp_path: Path, wheels: Path) -> None:
    lock, cache = lock_file(tmp_path), tmp_path / "cache"
    folder = installed_folder(lock, cache)
    assert (folder / "tinyscale.py").is_file()
    for path in wheels.iterdir():
        path.unlink()
    assert installed_folder(lock, cache) == folder


def test_install_of_a_wrong_hash_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    lock = lock_file(tmp_path, f"tinyscale==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(IntermodalError, match=r"(?s)Hash mismatch for `tinyscale==1.0`"):
        installed_folder(lock, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.suffix == ""]
    assert wheels.is_dir()


def test_two_installs_at_once_make_one(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, made, install = lock_file(tmp_path), [], requirements.install

    def slowly(lock: Path, folder: Path) -> None:
        made.append(folder)
        time.sleep(0.3)
        install(lock, folder)

    monkeypatch.setattr(requirements, "install", slowly)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: installed_folder(lock, tmp_path / "cache"), range(4)))
    assert len(folders) == len(made) == 1
    assert (folders.pop() / "tinyscale.py").is_file()
    assert wheels.is_dir()


KILLED = """
import sys, time
from pathlib import Path
from intermodal.resources import requirements

def half(lock, folder):
    folder.mkdir(parents=True)
    (folder / "tinyscale.py").write_text("half")
    print("half", flush=True)
    time.sleep(600)

requirements.install = half
requirements.installed_folder(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_install_killed_half_way_is_made_again(tmp_path: Path, wheels: Path) -> None:
    lock, cache = lock_file(tmp_path), tmp_path / "cache"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(lock), str(cache)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    psutil.Process(process.pid).kill()
    process.wait()
    process.stdout.close()
    assert "class Times" in (installed_folder(lock, cache) / "tinyscale.py").read_text()
    assert not list(cache.glob("*.partial"))
    assert wheels.is_dir()
