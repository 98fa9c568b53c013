"""Copy a version's files from the registry or, if it does not have them, from the mirror of a site."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from intermodal.platform import ports
from intermodal.platform.deployment.requests import prefix
from intermodal.platform.errors import IntermodalError, NotFound, UntrustedPackage
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.keys import Key
from intermodal.platform.protocol.manifest import MANIFEST, SIGNATURE, Manifest
from intermodal.platform.protocol.signing import verify_folder, verify_manifest


def is_whole(store: ports.ObjectStore, model: str, version: Identity, trusted: Sequence[Key] = ()) -> bool:
    """Whether the store has a complete mirror of this version and digest, in which every object has the hash of the
    manifest, and which a ``trusted`` key signed, unless there is none."""
    try:
        return not differences(store, model, version, trusted)
    except NotFound:
        return False


def differences(
    store: ports.ObjectStore, model: str, version: Identity, trusted: Sequence[Key] = (), *, read: bool = True
) -> Mapping[str, str]:
    """Path → how the mirror of this version and digest differs from its manifest. Empty when it is whole. NotFound when
    there is no finished mirror. Without ``read``, bytes are compared by ETag (``ObjectStore.changed``)."""
    where, manifest = prefix(model, version.version), manifest_of(store, model, version.version)
    if manifest is None:
        return {MANIFEST: "is damaged"}
    if not version.same_as(Identity(version.version, manifest.digest)):
        return {MANIFEST: f"has the digest {manifest.digest} instead of {version.digest}"}
    found = dict((store.damaged if read else store.changed)(manifest, where))
    if not found and (reason := unsigned(store, manifest, where, trusted)):
        found[SIGNATURE] = reason
    return found


def unsigned(store: ports.ObjectStore, manifest: Manifest, where: str, trusted: Sequence[Key]) -> str:
    """Why the signature below the prefix ``where`` is not a ``trusted`` key's of this manifest. '' when it is, or when
    there are no keys."""
    if not trusted:
        return ""
    try:
        bundle = store.get(f"{where}/{SIGNATURE}")
    except NotFound:
        bundle = b""
    try:
        verify_manifest(bundle, manifest, trusted, store.uri(where))
    except UntrustedPackage as error:
        return str(error)
    return ""


def manifest_of(store: ports.ObjectStore, model: str, version: str) -> Manifest | None:
    """The manifest of a mirror. None if it is damaged. NotFound if there is no mirror."""
    try:
        manifest = Manifest.from_json(store.get(f"{prefix(model, version)}/{MANIFEST}"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest if manifest.files else None


def copy_of(
    registry: ports.ModelRegistry | None,
    stores: Sequence[ports.ObjectStore],
    model: str,
    version: Identity,
    folder: Path,
    log: logging.Logger,
    trusted: Sequence[Key] = (),
) -> tuple[Path, Manifest]:
    """The folder with the version's files, and its manifest. Raises the last error if no source has them. A source that
    has another digest under this number is passed over, and so is one whose files no ``trusted`` key signed, unless
    there is none."""
    number = version.version
    failed: IntermodalError = NotFound(
        f"No registry or mirror has the files of {model} {number}.", hint="Run this again when all sites answer."
    )
    if registry is not None:
        try:
            for known in registry.versions(model):
                if known.identity.same_as(version):
                    (folder / "registry").mkdir()
                    source, manifest = registry.download(known.candidate, folder / "registry"), known.candidate.manifest
                    _require_same(source, manifest)
                    _require_signed(source, trusted)
                    return source, manifest
        except IntermodalError as error:
            log.warning("the registry does not provide %s %s: %s", model, number, error)
            failed = error
    for store in stores:
        try:
            source, manifest = _download(store, model, version, folder / str(store.site))
            _require_signed(source, trusted)
            return source, manifest
        except IntermodalError as error:
            log.warning("%s does not provide %s %s: %s", store.site, model, number, error)
            failed = error
    raise failed


def _require_same(folder: Path, manifest: Manifest) -> None:
    """A damaged copy must not be sent anywhere: a mirror would find that only after it had overwritten an object."""
    found = Manifest.of(folder).files
    if wrong := [path for path, entry in manifest.files.items() if found.get(path) != entry]:
        raise IntermodalError(
            f"The registry's package differs from its manifest: {', '.join(sorted(wrong))}.",
            hint="Restore its artifacts, or train the version again.",
        )


def _require_signed(folder: Path, trusted: Sequence[Key]) -> None:
    if trusted:
        verify_folder(folder, trusted)


def _download(store: ports.ObjectStore, model: str, version: Identity, folder: Path) -> tuple[Path, Manifest]:
    where, manifest = prefix(model, version.version), manifest_of(store, model, version.version)
    if manifest is None:
        raise IntermodalError(f"{store.uri(where)}/{MANIFEST} is damaged.", hint="Mirror it again.")
    if not version.same_as(Identity(version.version, manifest.digest)):
        raise IntermodalError(
            f"{store.uri(where)} has the digest {manifest.digest}, not {version.digest}.", hint="Mirror it again."
        )
    manifest.require_portable()  # its paths are written to below
    for path, entry in manifest.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if store.download(f"{where}/{path}", target) != entry.sha256:
            raise IntermodalError(f"{store.uri(where)}/{path} is damaged.", hint="Mirror it again.")
    return folder, manifest
