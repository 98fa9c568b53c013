"""The documents beside an image that was built here: its SBOM and its provenance."""

import hashlib
from collections.abc import Iterable
from importlib.metadata import version as distribution_version
from pathlib import Path

from intermodal.platform.deployment import sbom
from intermodal.platform.deployment.provenance import Material, provenance
from intermodal.platform.ports.images import Attachment
from intermodal.platform.protocol.package import Package
from intermodal.resources.image_build.base import Base


def documents(
    package: Package, version: str, digest: str, image: str, base: Base, locks: Iterable[Path]
) -> tuple[Attachment, ...]:
    """``digest`` is the version's, ``image`` the image's. ``locks``: what the image's Python packages come from."""
    release = distribution_version("intermodal")
    own, texts = sbom.python("intermodal", release), [(lock.name, lock.read_bytes()) for lock in locks]
    model = sbom.Component(package.model, version, kind="machine-learning-model", sha256=digest)
    packages = [part for _, text in texts for part in sbom.locked(text.decode())]
    materials = [
        *base.materials,
        *(Material(name, hashlib.sha256(text).hexdigest()) for name, text in texts),
        Material(f"{package.model} {version}", digest),
    ]
    return (
        sbom.sbom(package.model, version, image, own, [*base.components, *packages, own, model]),
        provenance(package.model, version, digest, image, release, materials),
    )
