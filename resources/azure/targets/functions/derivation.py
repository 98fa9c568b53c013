"""The derived image in the site's registry: found by its digest, else composed of layers that are there."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from intermodal.platform.deployment.functions_image import derived, host_files, require_parent
from intermodal.platform.errors import SpecError
from intermodal.resources.image_build.layers import file_entry, write_layer
from intermodal.resources.images.layout import CHUNK, Bytes
from intermodal.resources.images.registry import OciRegistry

BY_DIGEST = re.compile(r"(?:(?P<host>[^/]+)/)?(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
BASE_VARIABLE = "INTERMODAL_AZURE_FUNCTIONS_BASE"


@dataclass(frozen=True)
class Remote:
    """A layer of another repository of the registry. Its bytes are read only where it cannot be mounted."""

    registry: OciRegistry
    repository: str
    digest: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "layer"
            self.registry.client.download(self.repository, self.digest, path)
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk


def derive(registry: OciRegistry, base: str, image: str) -> str:
    """The reference of the image for Functions, by digest. ``base`` is ``<repository>@sha256:...`` in this registry,
    ``image`` a version's own. The same two give the same digest, so that nothing is pushed twice.

    SpecError when one is not named by a digest, or what is stored was derived from another image.
    """
    origin, own = BY_DIGEST.fullmatch(base), BY_DIGEST.fullmatch(image)
    if origin is None:
        raise SpecError(f"{BASE_VARIABLE} is '{base}'.", hint="Write <repository>@sha256:<digest>.")
    if own is None:
        raise SpecError(
            f"The image '{image}' is not named by its digest, so none can be derived from it for Azure Functions.",
            hint=f"Build and push the version's image, or unset {BASE_VARIABLE} if the image has the Functions host.",
        )
    origin_path = base.rpartition("@")[0].removeprefix(f"{registry.address.host}/")
    repository = own["repository"]
    bottom = registry.documents(origin_path, origin["digest"])
    parent = registry.documents(repository, own["digest"])
    data = io.BytesIO()
    layer = write_layer("functions", [file_entry(path, text) for path, text in host_files(parent).items()], data)
    made = derived(bottom, parent, layer)
    layers = [Remote(registry, origin_path, each["digest"], each["size"]) for each in bottom.layers]
    stored = registry.store(
        repository, made.manifest, [*layers, Bytes(data.getvalue()), Bytes(made.config)], origin_path
    )
    require_parent(registry.documents(repository, stored), own["digest"])
    return registry.reference(repository, stored)
