"""A base of one file and no dependencies, and a package of three: what a build needs to be tested in milliseconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from intermodal.platform.deployment.oci import Layer
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.signature import Column, Output, Signature
from intermodal.resources.image_build.base import Base
from intermodal.resources.image_build.build import LayoutBuilder
from intermodal.resources.image_build.cache import CachedLayer, LayerCache
from intermodal.resources.image_build.layers import file_entry, write_layer


class TinyBase:
    def get(self, cache: LayerCache) -> Base:
        def make(target: BinaryIO) -> Layer:
            return write_layer("base", [file_entry("etc/os-release", b"ID=tiny\n")], target)

        return Base((cache.get("base", ["tiny"], make),), "/usr/bin/python3.11", {"PATH": "/usr/bin"})


class NoDependencies:
    def get(self, cache: LayerCache, package: Package) -> Sequence[CachedLayer]:  # noqa: ARG002
        return ()

    def lock(self, package: Package) -> Path | None:  # noqa: ARG002
        return None


def builder(cache: Path) -> LayoutBuilder:
    return LayoutBuilder(TinyBase(), NoDependencies(), LayerCache(cache))


def write_package(folder: Path, model: bytes = b"trees\n" * 100) -> Path:
    folder.mkdir(parents=True)
    Package("no_show", "binary", "lightgbm", "model.txt", Signature((Column("x", "FP64"),), (Output("p"),))).write(
        folder
    )
    Golden([{"x": 1.0}], [[0.5]]).write(folder)
    (folder / "model.txt").write_bytes(model)
    return folder


def digest(package: Path) -> str:
    return Manifest.of(package).digest
