"""Signed packages, in the format of OpenSSF model signing.

``model.sig`` is a signed statement (``sigstore.py``) with the SHA-256 of every file. The library that others use
(https://github.com/sigstore/model-transparency, 631 modules) is too large for a server, so reading and writing is done
here.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.protocol.keys import Key, Sign
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.sigstore import DAMAGED, STATEMENT, bundle_of_statement, require, signed_statement

PREDICATE = "https://model_signing/signature/v1.0"
METHOD = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
MAX_NAMED = 3
"""Paths in one error."""

_SIGN_AGAIN = "Materialize the asset <model>/version, which signs it, and then its mirrors and endpoints."
_OTHER_BYTES = "Repair it from a whole copy: materialize the asset <model>/mirror/<store> again."


def bundle_of(manifest: Manifest, name: str, sign: Sign, key: Key) -> bytes:
    """The content of ``model.sig`` for the files of ``manifest``. ``name`` is for people: model or folder. ``key`` is
    the public key that belongs to ``sign``."""
    files = sorted(manifest.content.items(), key=lambda item: item[0].split("/"))
    resources = [{"name": path, "algorithm": "sha256", "digest": entry.sha256} for path, entry in files]
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root(entry.sha256 for _, entry in files)}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": METHOD, "resources": resources},
    }
    return bundle_of_statement(statement, sign, key)


def verify_folder(folder: Path, trusted: Sequence[Key]) -> None:
    """UntrustedPackage unless the files of ``folder`` are exactly those that a trusted key signed."""
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise UntrustedPackage(
                    f"{folder}: {path.relative_to(folder).as_posix()} is a link or a special file, which no signature "
                    "covers.",
                    hint="Replace it by the file itself.",
                )
    file = folder / SIGNATURE
    verify_manifest(file.read_bytes() if file.is_file() else b"", Manifest.of(folder), trusted, str(folder))


def verify_manifest(bundle: bytes, manifest: Manifest, trusted: Sequence[Key], where: str) -> None:
    """UntrustedPackage unless ``bundle`` (b'' if there is none) is a trusted key's signature of exactly the files of
    ``manifest``. ``where`` names the package in errors."""
    if not bundle:
        raise UntrustedPackage(f"{where} is not signed: {SIGNATURE} is missing.", hint=_SIGN_AGAIN)
    try:
        signed = _signed_files(bundle, trusted, where)
    except DAMAGED as error:
        raise UntrustedPackage(
            f"{where}: {SIGNATURE} is damaged: {type(error).__name__}: {error}.", hint=_OTHER_BYTES
        ) from error
    present = {path: entry.sha256 for path, entry in manifest.content.items()}
    differences = {
        "changed": sorted(path for path in signed.keys() & present.keys() if signed[path] != present[path]),
        "missing": sorted(signed.keys() - present.keys()),
        "not signed": sorted(present.keys() - signed.keys()),
    }
    if found := [f"{_names(paths)} {state}" for state, paths in differences.items() if paths]:
        raise UntrustedPackage(f"{where} is not what was signed: {'; '.join(found)}.", hint=_OTHER_BYTES)


def _signed_files(bundle: bytes, trusted: Sequence[Key], where: str) -> Mapping[str, str]:
    """Path → SHA-256 of what a trusted key signed. ValueError and its like when the bundle is damaged."""
    statement = signed_statement(bundle, trusted, where, again=_SIGN_AGAIN, other_bytes=_OTHER_BYTES)
    return _files_of(statement, where)


def _files_of(statement: Any, where: str) -> Mapping[str, str]:
    require(statement["predicateType"] == PREDICATE, f"its predicate is not {PREDICATE}")
    predicate = statement["predicate"]
    serialization, resources = predicate["serialization"], predicate["resources"]
    if "ignore_paths" in serialization:
        raise UntrustedPackage(
            f"{where}: {SIGNATURE} leaves out {_names(serialization['ignore_paths'])} (ignore_paths), which could then "
            "be changed.",
            hint="Sign it without ignored paths.",
        )
    require(serialization["method"] == "files" and serialization["hash_type"] == "sha256", "it is not of whole files")
    require(all(resource["algorithm"] == "sha256" for resource in resources), "a hash is not SHA-256")
    (subject,) = statement["subject"]
    root = _root(resource["digest"] for resource in resources)
    require(subject["digest"]["sha256"] == root, "its subject is not the hash of its files")
    files = {str(resource["name"]): str(resource["digest"]) for resource in resources}
    require(len(files) == len(resources), "a file is in it twice")
    return files


def _root(digests: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return ", ".join(map(str, paths[:MAX_NAMED])) + more
