"""The base of an image: an operating system with Python 3.11, as layers that every model shares.

In production it is an image of the platform team, copied by its digest into an OCI layout. Where nothing is named,
Debian's packages are assembled (``debian.py``).
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from intermodal.platform.deployment.oci import ARCHITECTURE, GZIP_TYPES, SYSTEM, Layer, blob_path, digest_of
from intermodal.platform.deployment.provenance import Material
from intermodal.platform.deployment.sbom import Component
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.manifest import sha256_of
from intermodal.resources.image_build.cache import CachedLayer, LayerCache


@dataclass(frozen=True)
class Base:
    """Layers, the interpreter in them (a path, or a name that PATH finds) and the variables that they need.
    ``components`` and ``materials``: what they hold, and what they were made of."""

    layers: tuple[CachedLayer, ...]
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    materials: tuple[Material, ...] = ()


class BaseSource(Protocol):
    def get(self, cache: LayerCache) -> Base:
        """The base, from the cache or made anew. IntermodalError when it cannot be had."""


@dataclass(frozen=True)
class LayoutBase:
    """The image of this digest in the OCI layout ``folder``. ``digest`` may be of an index, of which the linux/amd64
    image counts."""

    folder: Path
    digest: str
    python: str = "python3.11"

    def get(self, cache: LayerCache) -> Base:
        manifest = self._manifest()
        config = self._document(manifest["config"]["digest"])
        if (config.get("architecture"), config.get("os")) != (ARCHITECTURE, SYSTEM):
            raise IntermodalError(f"The base image {self.digest} is not for {SYSTEM}/{ARCHITECTURE}.")
        layers = tuple(
            self._layer(cache, number, entry, diff_id)
            for number, (entry, diff_id) in enumerate(
                zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True), start=1
            )
        )
        pairs = (text.partition("=") for text in config.get("config", {}).get("Env") or [])
        sha256 = self.digest.removeprefix("sha256:")
        image = Component("base", "", f"pkg:oci/base@sha256%3A{sha256}", "container", sha256)
        variables = {name: value for name, _, value in pairs}
        return Base(layers, self.python, variables, (image,), (Material("base image", sha256),))

    def _manifest(self) -> Any:
        """The image's manifest. An index of several platforms has one for linux/amd64."""
        document = self._document(self.digest)
        for entry in document.get("manifests", ()):
            platform = entry.get("platform", {})
            if (platform.get("architecture"), platform.get("os")) == (ARCHITECTURE, SYSTEM):
                return self._document(entry["digest"])
        if "layers" not in document:
            raise IntermodalError(f"The base image {self.digest} has no image for {SYSTEM}/{ARCHITECTURE}.")
        return document

    def _document(self, digest: str) -> Any:
        try:
            data = (self.folder / blob_path(digest)).read_bytes()
        except FileNotFoundError as error:
            raise IntermodalError(
                f"{self.folder} has no blob {digest} of the base image.", hint="Copy the base image by digest again."
            ) from error
        if digest_of(data) != digest:
            raise IntermodalError(f"The blob {digest} of the base image is damaged.", hint="Copy it again.")
        return json.loads(data)

    def _layer(self, cache: LayerCache, number: int, entry: Mapping[str, Any], diff_id: str) -> CachedLayer:
        digest = entry["digest"]
        if entry["mediaType"] not in GZIP_TYPES:
            raise IntermodalError(
                f"The layer {digest} of the base image is {entry['mediaType']}, and Lambda takes gzip only.",
                hint="Make the base image with gzip layers.",
            )

        def copy(target: BinaryIO) -> Layer:
            source = self.folder / blob_path(digest)
            if not source.is_file() or f"sha256:{sha256_of(source)}" != digest:
                raise IntermodalError(
                    f"The blob {digest} of the base image is missing or damaged.", hint="Copy it again."
                )
            with source.open("rb") as file:
                shutil.copyfileobj(file, target)
            return Layer(f"base-{number}", digest, source.stat().st_size, diff_id)

        return cache.get(f"base-{number}", [digest, diff_id], copy)
