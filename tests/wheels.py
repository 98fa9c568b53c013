"""Packages in miniature, made in a folder that uv is pointed at: no index and no network."""

import base64
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest


def metadata(name: str, version: str, requires: Sequence[str] = ()) -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    return "\n".join(lines) + "\n"


def wheel(folder: Path, name: str, version: str, files: Mapping[str, str], requires: Sequence[str] = ()) -> Path:
    """Write the wheel into ``folder``. ``files`` has its modules by path."""
    info = f"{name}-{version}.dist-info"
    everything = {
        **files,
        f"{info}/METADATA": metadata(name, version, requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},{_hash(text)},{len(text.encode())}" for path, text in everything.items()]
    everything[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in everything.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return path


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sdist(folder: Path, name: str, version: str) -> Path:
    """Write a package that exists as source only."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in (("PKG-INFO", metadata(name, version)), ("pyproject.toml", "[project]\n")):
            entry = tarfile.TarInfo(f"{name}-{version}/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


TINYSCALE = """
from sklearn.base import BaseEstimator, TransformerMixin

class Times(TransformerMixin, BaseEstimator):
    def __init__(self, factor=1): self.factor = factor
    def fit(self, X, y=None): return self
    def transform(self, X): return X * self.factor
"""


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where uv finds packages. It has tinyscale 1.0 and 1.1, a package of one transformer. Locks are
    installed below ``tmp_path``."""
    folder = tmp_path / "wheels"
    for version in ("1.0", "1.1"):
        wheel(folder, "tinyscale", version, {"tinyscale.py": f"{TINYSCALE}\nVERSION = {version!r}\n"})
    for name, value in {
        "UV_FIND_LINKS": str(folder),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "INTERMODAL_PACKAGES_CACHE": str(tmp_path / "packages"),
    }.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def installed(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The training environment has tinyscale 1.0, which the server's does not have."""
    folder = tmp_path / "training"
    with zipfile.ZipFile(wheels / "tinyscale-1.0-py3-none-any.whl") as archive:
        archive.extractall(folder)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("tinyscale", None)
