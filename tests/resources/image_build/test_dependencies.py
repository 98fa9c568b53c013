import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest

from intermodal.platform import catalogue
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.signature import Output, Signature
from intermodal.resources.image_build.cache import LayerCache
from intermodal.resources.image_build.dependencies import LockedDependencies, dependencies_layer
from intermodal.resources.python_packages import shipped_locks

ROOT = Path(__file__).resolve().parents[3]


def requirement(name: str) -> str:
    """The lines of one package in the lock of LightGBM models."""
    text = shipped_locks()["lightgbm"].read_text()
    return re.search(rf"^{name}==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)[0]


def test_every_format_has_a_lock_with_versions_of_the_development() -> None:
    assert shipped_locks().keys() == set(catalogue.names("runtimes"))
    tested = (ROOT / "requirements/dev.txt").read_text().splitlines()
    for lock in shipped_locks().values():
        pinned = [line for line in lock.read_text().splitlines() if "==" in line]
        assert pinned
        assert set(pinned) <= set(tested)
        assert "//" not in lock.read_text()


def test_format_without_a_lock_is_an_error(tmp_path: Path) -> None:
    package = Package("m", "binary", "sklearn", "model.pkl", Signature((), (Output("p"),)))
    with pytest.raises(IntermodalError, match="format 'sklearn'"):
        LockedDependencies({}).get(LayerCache(tmp_path), package)


def test_layer_has_bytecode_and_no_programs_and_one_digest(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(requirement("uvicorn"))
    layers = [dependencies_layer(LayerCache(tmp_path / name), "x", lock) for name in ("one", "two")]
    assert layers[0].layer == layers[1].layer
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layers[0].file.read_bytes()))) as tar:
        names = [name.removeprefix("opt/intermodal/dependencies/") for name in tar.getnames()]
        pyc = tar.extractfile("opt/intermodal/dependencies/uvicorn/__pycache__/server.cpython-311.pyc").read()
    assert "uvicorn/server.py" in names
    assert not [name for name in names if name.startswith(("bin", ".lock"))]
    assert int.from_bytes(pyc[4:8], "little") == 0b01
    assert b"/opt/intermodal/dependencies/uvicorn/server.py" in pyc
    assert str(tmp_path).encode() not in pyc


def test_layer_wrong_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("h11==0.16.0 --hash=sha256:" + "0" * 64)
    with pytest.raises(IntermodalError, match="cannot be installed"):
        dependencies_layer(LayerCache(tmp_path / "cache"), "x", lock)
