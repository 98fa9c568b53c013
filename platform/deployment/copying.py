"""A version's files, from the registry or from the mirror of an available site."""

import logging
from collections.abc import Sequence
from pathlib import Path

from intermodal.platform import ports
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.protocol.manifest import MANIFEST, Manifest


def is_whole(store: ports.ObjectStore, model: str, version: str) -> bool:
    """Whether the store holds a finished mirror whose every object has the bytes that its manifest states."""
    try:
        manifest = manifest_of(store, model, version)
    except NotFound:
        return False
    return manifest is not None and not store.damaged(manifest, prefix(model, version))


def manifest_of(store: ports.ObjectStore, model: str, version: str) -> Manifest | None:
    """What the mirror says of itself; None when it cannot be read as a manifest. NotFound: it is no mirror."""
    try:
        manifest = Manifest.from_json(store.get(f"{prefix(model, version)}/{MANIFEST}"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if manifest.files else None


def copy_of(
    registry: ports.ModelRegistry | None,
    stores: Sequence[ports.ObjectStore],
    model: str,
    version: str,
    folder: Path,
    log: logging.Logger,
) -> tuple[Path, Manifest]:
    """The folder that holds the version's files, and its manifest. Raises the last reason when none has them."""
    failed: IntermodalError = NotFound(
        f"No registry or mirror has the files of {model} {version}.", hint="Is a site still unavailable?"
    )
    if registry is not None:
        try:
            for known in registry.versions(model):
                if known.version == version:
                    (folder / "registry").mkdir()
                    return registry.download(known.candidate, folder / "registry"), known.candidate.manifest
        except IntermodalError as error:
            log.warning("the registry does not give %s %s: %s", model, version, error)
            failed = error
    for store in stores:
        try:
            return _download(store, model, version, folder / str(store.site))
        except IntermodalError as error:
            log.warning("%s does not give %s %s: %s", store.site, model, version, error)
            failed = error
    raise failed


def _download(store: ports.ObjectStore, model: str, version: str, folder: Path) -> tuple[Path, Manifest]:
    manifest = manifest_of(store, model, version)
    if manifest is None:
        raise IntermodalError(f"{store.uri(prefix(model, version))}/{MANIFEST} is damaged.", hint="Mirror it again.")
    manifest.require_portable()  # a path in it is about to be written to
    for path, entry in manifest.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if store.download(f"{prefix(model, version)}/{path}", target) != entry.sha256:
            raise IntermodalError(f"{store.uri(prefix(model, version))}/{path} is damaged.", hint="Mirror it again.")
    return folder, manifest
