"""Packages that one model needs beside the server's own: the file ``requirements.lock`` of its package."""

import re
from collections.abc import Mapping
from pathlib import Path

from intermodal.platform.protocol.package import Package

LOCK = "requirements.lock"
"""Requirements with hashes, as pip and uv read them, without the packages that the server has."""
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def normalized(name: str) -> str:
    """``Scikit_Learn`` → ``scikit-learn`` (https://packaging.python.org/en/latest/specifications/name-normalization/)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> Mapping[str, str]:
    """Package → version of every line ``name==version``."""
    return {normalized(name): version for name, version in PINNED.findall(lock)}


def lock_to_install(package: Package, folder: Path) -> Path | None:
    """The lock of the package in ``folder`` if its server has to have these packages. A model file that is data imports
    nothing, so its lock only records what training used; one that holds code needs a version of Python."""
    path = folder / LOCK
    if not package.python or not path.is_file():
        return None
    return path if pinned(path.read_text(encoding="utf-8")) else None
