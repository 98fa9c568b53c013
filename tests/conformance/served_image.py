"""The served image in a site's registry, by its digest: what a cluster pulls."""

from pathlib import Path

from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.targets import Site
from intermodal.resources.adapters import CatalogueImages
from intermodal.resources.image_build.builder import LocalImageBuilder
from tests import tiny_package


def pushed(site: Site, folder: Path) -> str:
    """With a model that the artifacts of a request replace. The site's settings are in the environment."""
    package = tiny_package.build(folder / "package", seed=3)
    LocalImageBuilder().build(package, "0.0.1", Manifest.of(package).digest, folder / "layout")
    registry = CatalogueImages().get(site)
    return registry.push(folder / "layout", registry.repository("server")).reference
