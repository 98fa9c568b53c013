"""The layer of Python packages that a package's format needs, from a lock with hashes. The image needs no pip."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from intermodal.platform.deployment.oci import Layer
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import lock_to_install
from intermodal.resources.image_build.bytecode import VERSION, compile_folder, compiler
from intermodal.resources.image_build.cache import CachedLayer, LayerCache
from intermodal.resources.image_build.layers import folder_entries, write_layer
from intermodal.resources.python_packages import PLATFORM, install

logger = logging.getLogger(__name__)

DEPENDENCIES_PATH = "opt/intermodal/dependencies"
PACKAGES_PATH = "opt/intermodal/packages"
"""Those of one model."""
LEFT_OUT = (".lock",)


@dataclass(frozen=True)
class LockedDependencies:
    """``locks`` has a file of requirements with hashes for each package format. SpecError of an unknown format comes
    from the package's descriptor, so a format without a lock is an error of this installation."""

    locks: Mapping[str, Path]

    def get(self, cache: LayerCache, package: Package) -> Sequence[CachedLayer]:
        return (dependencies_layer(cache, package.format, self.lock(package)),)

    def lock(self, package: Package) -> Path:
        if package.format not in self.locks:
            raise IntermodalError(
                f"No lock has the packages for the format '{package.format}'.",
                hint=f"Known formats: {', '.join(sorted(self.locks))}. Run 'make lock' after a format was added.",
            )
        return self.locks[package.format]


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
