"""The builder of versions' images with what this release ships: its locks, and the base that is named or Debian's."""

import os
from pathlib import Path

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.ports.images import BuiltImage
from intermodal.resources.image_build.base import BaseSource, LayoutBase
from intermodal.resources.image_build.build import LayoutBuilder
from intermodal.resources.image_build.cache import LayerCache
from intermodal.resources.image_build.debian import shipped_base
from intermodal.resources.image_build.dependencies import LockedDependencies
from intermodal.resources.python_packages import shipped_locks
from intermodal.resources.user_cache import user_cache

BASE, CACHE = "INTERMODAL_IMAGE_BASE", "INTERMODAL_IMAGE_CACHE"


class LocalImageBuilder:
    """Builds on the machine that runs the step. Fulfils ``ports.ImageBuilder``. Settings are read at each build."""

    def build(self, package: Path, version: str, digest: str, layout: Path) -> BuiltImage:
        builder = LayoutBuilder(_base(), LockedDependencies(shipped_locks()), LayerCache(cache_folder()))
        built = builder.build(package, version, digest, layout)
        return BuiltImage(built.digest, built.size, {layer.name: layer.size for layer in built.layers}, built.documents)


def cache_folder() -> Path:
    """Where layers are kept: INTERMODAL_IMAGE_CACHE, else a cache of the user's."""
    return user_cache("images", CACHE)


def _base() -> BaseSource:
    if not (chosen := os.environ.get(BASE)):
        return shipped_base()
    folder, _, digest = chosen.rpartition("@")
    if not folder or not digest.startswith("sha256:"):
        raise SpecError(f"{BASE} is not <folder of an OCI layout>@sha256:<digest>.", hint=f"See {SETTINGS_PAGE}.")
    return LayoutBase(Path(folder), digest)
