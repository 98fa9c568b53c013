"""The key that signs packages. It stays where it is kept: only bytes to sign go there."""

from typing import Protocol

from intermodal.platform.protocol.keys import Key


class Signer(Protocol):
    """Errors: SpecError names the setting whose file is missing or holds no key."""

    @property
    def key(self) -> Key | None:
        """The public key of what ``sign`` signs. None when no key is configured: versions are not signed then."""

    def sign(self, data: bytes) -> bytes:
        """The ECDSA signature of ``data`` with SHA-256, in DER."""
