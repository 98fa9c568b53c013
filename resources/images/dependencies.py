"""The layer of Python packages that a package's format needs, installed from a lock with hashes by uv.

Only wheels are taken, so that nothing is built or run here, and nothing beyond the lock is installed. The image itself
needs no pip.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from intermodal.platform.deployment.oci import Layer
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import lock_to_install
from intermodal.resources.images.bytecode import VERSION, compile_folder, compiler
from intermodal.resources.images.cache import CachedLayer, LayerCache
from intermodal.resources.images.layers import folder_entries, write_layer

logger = logging.getLogger(__name__)

DEPENDENCIES_PATH = "opt/intermodal/dependencies"
PACKAGES_PATH = "opt/intermodal/packages"
"""Those of one model."""
PLATFORM = "x86_64-manylinux_2_28"
"""Wheels for glibc 2.28 and newer. The base has 2.36."""
LEFT_OUT = (".lock",)
COMPILE = "UV_COMPILE_BYTECODE"
"""Makes uv write bytecode with the times of files, which differ from one installation to the next."""
PROGRAMS = "bin"
"""Scripts start with the path of the interpreter that installed them, which the image does not have."""


@dataclass(frozen=True)
class LockedDependencies:
    """``locks`` has a file of requirements with hashes for each package format. SpecError of an unknown format comes
    from the package's descriptor, so a format without a lock is an error of this installation."""

    locks: Mapping[str, Path]

    def get(self, cache: LayerCache, package: Package) -> Sequence[CachedLayer]:
        if package.format not in self.locks:
            raise IntermodalError(
                f"No lock has the packages for the format '{package.format}'.",
                hint=f"Known formats: {', '.join(sorted(self.locks))}. Run 'make lock' after a format was added.",
            )
        return (dependencies_layer(cache, package.format, self.locks[package.format]),)


def shipped_locks() -> dict[str, Path]:
    """The locks that this release has, by format."""
    spec = find_spec("intermodal.deploy")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in Path(folder, "docker").glob("requirements-*.txt")]
    return {path.stem.removeprefix("requirements-"): path for path in found}


def dependencies_layer(cache: LayerCache, name: str, lock: Path) -> CachedLayer:
    """The layer of the packages that a format's server has."""
    return packages_layer(cache, f"dependencies-{name}", lock, DEPENDENCIES_PATH)


def own_packages_layers(cache: LayerCache, package: Package, folder: Path) -> Sequence[CachedLayer]:
    """The layer of the packages that the package in ``folder`` needs beside those. None when it needs none."""
    lock = lock_to_install(package, folder)
    return (packages_layer(cache, "packages", lock, PACKAGES_PATH),) if lock else ()


def packages_layer(cache: LayerCache, name: str, lock: Path, path: str) -> CachedLayer:
    """The layer, or the cached one if neither the lock nor the compiler changed. Its files are below ``path``."""
    interpreter, version = compiler()

    def make(target: BinaryIO) -> Layer:
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "packages"
            install(lock, folder, ("--python-version", VERSION, "--python-platform", PLATFORM))
            logger.info("compiling the packages of %s ...", lock.name)
            compile_folder(folder, path, interpreter)
            return write_layer(name, folder_entries(folder, path, LEFT_OUT), target)

    content = hashlib.sha256(lock.read_bytes()).hexdigest()
    return cache.get(name, [version, PLATFORM, content], make)


def install(lock: Path, folder: Path, options: Sequence[str] = ()) -> None:
    """Install wheels of exactly this lock into ``folder``, without programs. IntermodalError has uv's own words."""
    logger.info("installing %s ...", lock.name)
    done = subprocess.run(
        [
            *(uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)),
            *(*options, "--only-binary", ":all:"),
            *("--no-deps", "--require-hashes", "--no-compile-bytecode", "--link-mode", "copy", "-r", str(lock)),
        ],
        env={name: value for name, value in os.environ.items() if name != COMPILE},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise IntermodalError(f"The packages of {lock.name} cannot be installed: {done.stderr.strip()}")
    shutil.rmtree(folder / PROGRAMS, ignore_errors=True)


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    path = str(beside) if beside.is_file() else shutil.which("uv")
    if path is None:
        raise IntermodalError(
            "Locking and installing packages needs uv, which is not installed.", hint="Run: pip install uv"
        )
    return path
