"""Signed in-toto statements as Sigstore bundles (v0.3), which foreign tools read and write.

The statement is in a DSSE envelope (https://github.com/secure-systems-lab/dsse), signed by an EC key on P-256.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.protocol.keys import Key, Sign, hint_of, is_signature

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What reading a bundle raises that is not one."""


def bundle_of_statement(statement: Mapping[str, Any], sign: Sign, key: Key) -> bytes:
    """The bundle. ``key`` is the public key that belongs to ``sign``."""
    payload = json.dumps(statement).encode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD,
        "signatures": [{"sig": base64.b64encode(sign(_signed_bytes(payload))).decode(), "keyid": ""}],
    }
    material = {"publicKey": {"hint": hint_of(key)}, "tlogEntries": []}
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}).encode()


def signed_statement(bundle: bytes, trusted: Sequence[Key], where: str, *, again: str, other_bytes: str) -> Any:
    """The statement that a trusted key signed. UntrustedPackage when none did; an error of DAMAGED when it is no bundle
    of a statement. ``where`` names what is signed; ``again`` and ``other_bytes`` are hints: how it is signed again, and
    what to do when its bytes are not those that were signed."""
    parsed = json.loads(bundle)
    require(parsed["mediaType"] == BUNDLE, f"its media type is not {BUNDLE}")
    envelope = parsed["dsseEnvelope"]
    require(envelope["payloadType"] == PAYLOAD, f"its payload type is not {PAYLOAD}")
    (signature,) = envelope["signatures"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    hint = parsed["verificationMaterial"]["publicKey"]["hint"]
    key = next((key for key in trusted if hint_of(key) == hint), None)
    if key is None:
        raise UntrustedPackage(
            f"{where} is signed by a key that is not trusted (hint {hint}).",
            hint="If that key is yours, add its public key to the file in INTERMODAL_TRUSTED_KEYS. Else " + again,
        )
    if not is_signature(base64.b64decode(signature["sig"], validate=True), _signed_bytes(payload), key):
        raise UntrustedPackage(f"{where}: its signature does not hold.", hint=other_bytes)
    statement = json.loads(payload)
    require(statement["_type"] == STATEMENT, f"its statement is not {STATEMENT}")
    return statement


def require(holds: bool, reason: str) -> None:
    """ValueError with the reason."""
    if not holds:
        raise ValueError(reason)


def _signed_bytes(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
