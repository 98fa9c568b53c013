"""Build a version's image as an OCI layout, without a daemon, root or an engine.

Kinds of layers, from what changes least to what changes most: base, dependencies, server, packages of this model if it
has requirements of its own, model. A version that was trained again has a new model layer, config and manifest, and
shares every other byte.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from intermodal.platform.deployment.oci import (
    DIGEST_LABEL,
    INDEX_FILE,
    LAYOUT,
    LAYOUT_FILE,
    MODEL_LABEL,
    VERSION_LABEL,
    ImageConfig,
    ImageLayout,
    ImageManifest,
    Layer,
    blob_path,
    digest_of,
    index_json,
)
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.protocol.package import Package
from intermodal.platform.protocol.requirements import lock_to_install
from intermodal.resources.image_build.app import APP_PATH, app_layer
from intermodal.resources.image_build.base import Base, BaseSource
from intermodal.resources.image_build.cache import CachedLayer, LayerCache, inputs_of
from intermodal.resources.image_build.dependencies import DEPENDENCIES_PATH, PACKAGES_PATH, own_packages_layers
from intermodal.resources.image_build.documents import documents
from intermodal.resources.image_build.layers import folder_entries, write_layer

logger = logging.getLogger(__name__)

MODEL_PATH = "model"
"""The last of the server's model locations (serving/contract.py), so that a mounted model goes first."""
ENVIRONMENT = {
    "INTERMODAL_PROCESSES": "auto",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
"""A process for each core, and one OpenMP thread, since requests are served side by side; no bytecode, since the
container may be read-only."""


class Dependencies(Protocol):
    """The layers of Python packages that a package's format needs, and the lock that they come from."""

    def get(self, cache: LayerCache, package: Package) -> Sequence[CachedLayer]: ...

    def lock(self, package: Package) -> Path | None: ...


@dataclass(frozen=True)
class LayoutBuilder:
    """Builds images on one base. ``cache`` keeps layers for the next build."""

    base: BaseSource
    dependencies: Dependencies
    cache: LayerCache
    labels: Mapping[str, str] = field(default_factory=dict)

    def build(self, package: Path, version: str, digest: str, layout: Path) -> ImageLayout:
        """Write the image of the package folder into the new folder ``layout``.

        ``digest`` is the version's digest; IntermodalError when the package has another one, or the disk is full.
        """
        try:
            return self._build(package, version, digest, layout)
        except OSError as error:
            raise IntermodalError(
                f"The image of {version} in {layout} cannot be written: {error.strerror or error}.",
                hint=f"Is the disk of {layout} or of {self.cache.folder} full or read-only? Then build it again into a "
                "new folder.",
            ) from error

    def _build(self, package: Path, version: str, digest: str, layout: Path) -> ImageLayout:
        descriptor, found = Package.read(package), Manifest.of(package).digest
        if found != digest:
            raise IntermodalError(
                f"The package of {descriptor.model} {version} has the digest {found}, not {digest}.",
                hint="Download the version again.",
            )
        base = self.base.get(self.cache)
        packages = own_packages_layers(self.cache, descriptor, package)
        layers = (
            *base.layers,
            *self.dependencies.get(self.cache, descriptor),
            app_layer(self.cache),
            *packages,
            model_layer(self.cache, package),
        )
        config = ImageConfig(
            tuple(cached.layer for cached in layers),
            (base.python, "-m", "intermodal.serving"),
            self._environment(base, version, (APP_PATH, DEPENDENCIES_PATH, *([PACKAGES_PATH] if packages else []))),
            self._labels(descriptor.model, version, digest),
        )
        built = _write(layout, config, layers)
        locks = [self.dependencies.lock(descriptor), lock_to_install(descriptor, package)]
        made = documents(descriptor, version, digest, built.digest, base, [lock for lock in locks if lock])
        built = replace(built, documents=made)
        logger.info("%s %s is the image %s, %.1f MB", descriptor.model, version, built.digest, built.size / 1e6)
        return built

    def _environment(self, base: Base, version: str, paths: Sequence[str]) -> dict[str, str]:
        """The base's own variables go first, but for the Python path."""
        own = {"PYTHONPATH": ":".join(f"/{path}" for path in paths), "INTERMODAL_VERSION": version}
        return {**ENVIRONMENT, **base.environment, **own}

    def _labels(self, model: str, version: str, digest: str) -> dict[str, str]:
        """OCI's own keys (https://github.com/opencontainers/image-spec/blob/main/annotations.md), then ours."""
        return {
            "org.opencontainers.image.title": model,
            "org.opencontainers.image.version": version,
            **self.labels,
            MODEL_LABEL: model,
            VERSION_LABEL: version,
            DIGEST_LABEL: digest,
        }


def model_layer(cache: LayerCache, package: Path) -> CachedLayer:
    """The whole package: its files are what the version's digest is of."""
    entries = list(folder_entries(package, MODEL_PATH))

    def make(target: BinaryIO) -> Layer:
        return write_layer("model", entries, target)

    return cache.get("model", inputs_of(entries), make)


def _write(layout: Path, config: ImageConfig, layers: Sequence[CachedLayer]) -> ImageLayout:
    """The layout's files. ``index.json`` is last: a layout without it is not complete."""
    layout.mkdir(parents=True, exist_ok=True)
    if any(layout.iterdir()):
        raise IntermodalError(f"{layout} is not empty.", hint="Name a new folder for the image.")
    for cached in layers:
        cached.put(layout)
    document = config.to_json()
    manifest = ImageManifest(document, config.layers).to_json()
    for blob in (document, manifest):
        (layout / blob_path(digest_of(blob))).write_bytes(blob)
    (layout / LAYOUT_FILE).write_bytes(LAYOUT)
    (layout / INDEX_FILE).write_bytes(index_json(manifest))
    unique = {layer.digest: layer.size for layer in config.layers}
    size = sum(unique.values()) + len(document) + len(manifest)
    return ImageLayout(layout, digest_of(manifest), size, config.layers)
