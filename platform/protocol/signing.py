"""Signed packages, in the format of OpenSSF model signing, which foreign tools read and write.

``model.sig`` is a Sigstore bundle (v0.3). Its DSSE envelope (https://github.com/secure-systems-lab/dsse) holds an
in-toto statement with the SHA-256 of every file, signed by an EC key on P-256. The library that others use
(https://github.com/sigstore/model-transparency, 631 modules) is too large for a server, so reading and writing is done
here.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import MissingExtra, SpecError, UntrustedPackage
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.variables import joined, split

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
METHOD = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
VARIABLE = "INTERMODAL_TRUSTED_KEYS_DER"
MAX_NAMED = 3
"""Paths in one error."""

Key = bytes
"""A public key: DER of its SubjectPublicKeyInfo."""
Sign = Callable[[bytes], bytes]
"""Bytes → their ECDSA signature with SHA-256, in DER."""

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
    payload = json.dumps(statement).encode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD,
        "signatures": [{"sig": base64.b64encode(sign(_signed_bytes(payload))).decode(), "keyid": ""}],
    }
    material = {"publicKey": {"hint": hint_of(key)}, "tlogEntries": []}
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}).encode()


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
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
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
    parsed = json.loads(bundle)
    _require(parsed["mediaType"] == BUNDLE, f"its media type is not {BUNDLE}")
    envelope = parsed["dsseEnvelope"]
    _require(envelope["payloadType"] == PAYLOAD, f"its payload type is not {PAYLOAD}")
    (signature,) = envelope["signatures"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    hint = parsed["verificationMaterial"]["publicKey"]["hint"]
    key = next((key for key in trusted if hint_of(key) == hint), None)
    if key is None:
        raise UntrustedPackage(
            f"{where} is signed by a key that is not trusted (hint {hint}).",
            hint="If that key is yours, add its public key to the file in INTERMODAL_TRUSTED_KEYS. Else " + _SIGN_AGAIN,
        )
    if not _is_signature(base64.b64decode(signature["sig"], validate=True), _signed_bytes(payload), key):
        raise UntrustedPackage(f"{where}: the signature in {SIGNATURE} does not hold.", hint=_OTHER_BYTES)
    return _files_of(json.loads(payload), where)


def _files_of(statement: Any, where: str) -> Mapping[str, str]:
    _require(statement["_type"] == STATEMENT, f"its statement is not {STATEMENT}")
    _require(statement["predicateType"] == PREDICATE, f"its predicate is not {PREDICATE}")
    predicate = statement["predicate"]
    serialization, resources = predicate["serialization"], predicate["resources"]
    if "ignore_paths" in serialization:
        raise UntrustedPackage(
            f"{where}: {SIGNATURE} leaves out {_names(serialization['ignore_paths'])} (ignore_paths), which could then "
            "be changed.",
            hint="Sign it without ignored paths.",
        )
    _require(serialization["method"] == "files" and serialization["hash_type"] == "sha256", "it is not of whole files")
    _require(all(resource["algorithm"] == "sha256" for resource in resources), "a hash is not SHA-256")
    (subject,) = statement["subject"]
    root = _root(resource["digest"] for resource in resources)
    _require(subject["digest"]["sha256"] == root, "its subject is not the hash of its files")
    files = {str(resource["name"]): str(resource["digest"]) for resource in resources}
    _require(len(files) == len(resources), "a file is in it twice")
    return files


def hint_of(key: Key) -> str:
    """SHA-256 of the public key's PEM in hex: how a signature names its key."""
    text = key_text(key)
    lines = "".join(f"{text[start : start + 64]}\n" for start in range(0, len(text), 64))
    return hashlib.sha256(f"-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n".encode()).hexdigest()


def key_text(key: Key) -> str:
    """A public key as text: base64 of its DER."""
    return base64.b64encode(key).decode()


def to_variables(keys: Iterable[str]) -> dict[str, str]:
    """The server's variables that hold these keys, each a ``key_text``. Order and repetition do not matter. No keys
    give no variables."""
    return split(VARIABLE, " ".join(sorted(set(keys), key=base64.b64decode)))


def from_variables(environment: Mapping[str, str]) -> tuple[Key, ...]:
    """Read the keys. SpecError when one is no public key on P-256."""
    keys = []
    for text in joined(VARIABLE, environment).split():
        try:
            keys.append(base64.b64decode(text, validate=True))
            _loaded(keys[-1])
        except ValueError as error:
            raise SpecError(
                f"{VARIABLE} holds no public key: {error}.",
                hint="Set it to public EC keys on P-256, as DER in base64, separated by spaces.",
            ) from error
    return tuple(keys)


def _loaded(key: Key) -> "EllipticCurvePublicKey":
    """ValueError when it is no public key on P-256."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_der_public_key
    except ImportError as error:
        raise MissingExtra("cryptography", "serving") from error
    try:
        found = load_der_public_key(key)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, ec.EllipticCurvePublicKey) or not isinstance(found.curve, ec.SECP256R1):
        raise ValueError("it is not a key on the curve P-256")
    return found


def _is_signature(signature: bytes, data: bytes, key: Key) -> bool:
    public = _loaded(key)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        public.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _signed_bytes(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _root(digests: Iterable[str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return ", ".join(map(str, paths[:MAX_NAMED])) + more
