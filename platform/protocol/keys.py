"""Public keys that packages and images are signed with: EC on P-256, as DER, as text, and as the server's variables."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from intermodal.platform.errors import MissingExtra, SpecError
from intermodal.platform.protocol.variables import joined, split

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

VARIABLE = "INTERMODAL_TRUSTED_KEYS_DER"

Key = bytes
"""A public key: DER of its SubjectPublicKeyInfo."""
Sign = Callable[[bytes], bytes]
"""Bytes → their ECDSA signature with SHA-256, in DER."""


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
            loaded(keys[-1])
        except ValueError as error:
            raise SpecError(
                f"{VARIABLE} holds no public key: {error}.",
                hint="Set it to public EC keys on P-256, as DER in base64, separated by spaces.",
            ) from error
    return tuple(keys)


def loaded(key: Key) -> "EllipticCurvePublicKey":
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


def is_signature(signature: bytes, data: bytes, key: Key) -> bool:
    public = loaded(key)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        public.verify(signature, data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
