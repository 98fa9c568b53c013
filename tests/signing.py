"""Sign a package with a key made for the test, as registration does with the configured one."""

from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.signing import bundle_of

PRIVATE = ec.generate_private_key(ec.SECP256R1())


def der(private: ec.EllipticCurvePrivateKey = PRIVATE) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signature(private: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return private.sign(data, ec.ECDSA(SHA256()))


def sign(folder: Path, private: ec.EllipticCurvePrivateKey = PRIVATE) -> bytes:
    """Write the folder's signature. Returns the public key."""

    bundle = bundle_of(Manifest.of(folder), "tiny", partial(signature, private), der(private))
    (folder / SIGNATURE).write_bytes(bundle)
    return der(private)
