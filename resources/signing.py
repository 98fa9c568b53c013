"""Keys of packages in PEM files, whose paths are settings: one to sign with, and public ones to trust."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from intermodal.platform.catalogue import SETTINGS_PAGE
from intermodal.platform.errors import SpecError
from intermodal.platform.protocol.keys import Key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

SIGNING_KEY, TRUSTED_KEYS = "INTERMODAL_SIGNING_KEY", "INTERMODAL_TRUSTED_KEYS"
END = b"-----END PUBLIC KEY-----"
NEW_KEY = "Make one with: openssl ecparam -name prime256v1 -genkey -noout -out signing.pem"


class SigningSettings(BaseSettings):
    """Paths of the files. The keys themselves are never settings, so no log or error can have them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    signing_key: Path | None = Field(default=None, validation_alias=SIGNING_KEY)
    trusted_keys: Path | None = Field(default=None, validation_alias=TRUSTED_KEYS)


class PemSigner(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Fulfils ``ports.Signer``. Files are read at each use, so that a new key counts without a restart."""

    @property
    def key(self) -> Key | None:
        private = _private_key(SigningSettings().signing_key)
        return None if private is None else _der(private.public_key())

    def sign(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256

        private = _private_key(SigningSettings().signing_key)
        if private is None:
            raise SpecError(f"There is no key to sign with: {SIGNING_KEY} is not set.", hint=f"See {SETTINGS_PAGE}.")
        return private.sign(data, ec.ECDSA(SHA256()))


def trusted_keys() -> tuple[Key, ...]:
    """The public keys whose packages are loaded: those of the file, and that of the signing key. Without settings
    none."""
    settings = SigningSettings()
    own = PemSigner().key
    listed = _public_keys(settings.trusted_keys) if settings.trusted_keys else ()
    return tuple(dict.fromkeys((*([own] if own else []), *listed)))


def write_key(file: Path) -> None:
    """Make a new signing key. Only the owner can read the file. An existing file is kept."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if file.exists():
        return
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_bytes(pem)
    part.replace(file)  # a file that is there is whole


def _private_key(file: Path | None) -> "EllipticCurvePrivateKey | None":
    if file is None:
        return None
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = _loaded(SIGNING_KEY, file, lambda pem: load_pem_private_key(pem, None), _read(SIGNING_KEY, file))
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise _wrong(SIGNING_KEY, file, "it holds no EC key on P-256")
    return found


def _public_keys(file: Path) -> tuple[Key, ...]:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    *blocks, after = _read(TRUSTED_KEYS, file).split(END)
    if b"-----BEGIN" in after:
        raise _wrong(TRUSTED_KEYS, file, "its last key is cut off")
    keys = [_loaded(TRUSTED_KEYS, file, load_pem_public_key, block.strip() + END) for block in blocks]
    if not keys or not all(
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) for key in keys
    ):
        raise _wrong(TRUSTED_KEYS, file, "it does not hold public EC keys on P-256, and only those")
    return tuple(map(_der, keys))


def _der(key: Any) -> Key:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def _read(variable: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _wrong(variable, file, f"it cannot be read: {error.strerror}") from None


def _loaded(variable: str, file: Path, load: Callable[[bytes], Any], pem: bytes) -> Any:
    """The key. The cause is left out of the error, since it may quote the file."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(variable, file, "it is no PEM file of a key without a password") from None


def _wrong(variable: str, file: Path, reason: str) -> SpecError:
    return SpecError(f"{variable} is {file}, and {reason}.", hint=f"{NEW_KEY}. See {SETTINGS_PAGE}.")
