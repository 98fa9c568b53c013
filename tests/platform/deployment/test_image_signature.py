"""Signatures of images: what holds, and every way in which one does not."""

import base64
import json
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from intermodal.platform.deployment.image_signature import sign_image, verify_image
from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.protocol.sigstore import BUNDLE
from tests.signing import PRIVATE, der, signature

DIGEST, PACKAGE = "sha256:" + "1" * 64, "a" * 64
OTHER = ec.generate_private_key(ec.SECP256R1())


def signed(digest: str = DIGEST, model: str = "m", package: str = PACKAGE) -> bytes:
    return sign_image(digest, model, package, partial(signature, PRIVATE), der(PRIVATE))


def verify(bundle: bytes) -> None:
    verify_image(bundle, DIGEST, [der(OTHER), der(PRIVATE)], "host/m@x", "m", PACKAGE)


def test_signature_of_the_image_holds() -> None:
    verify(signed())
    verify_image(signed(), DIGEST, [der(PRIVATE)], "host/m@x")


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        (b"", "is not signed"),
        (b"[]", "is damaged"),
        (b"{", "is damaged"),
        (signed("sha256:" + "2" * 64), "is of m sha256:2222"),
        (signed(model="n"), "is of n"),
        (signed(package="b" * 64), "package bbbb"),
    ],
    ids=["none", "list", "no JSON", "other image", "other model", "other package"],
)
def test_signature_that_is_not_of_the_image_is_refused(bundle: bytes, reason: str) -> None:
    with pytest.raises(UntrustedPackage, match=reason) as caught:
        verify(bundle)
    assert "host/m@x" in str(caught.value)
    assert "materialize <model>/image" in caught.value.hint


def test_signature_by_another_key_is_refused() -> None:
    with pytest.raises(UntrustedPackage, match="not trusted"):
        verify_image(signed(), DIGEST, [der(OTHER)], "host/m@x")


def test_signature_of_changed_statement_is_refused() -> None:
    bundle = json.loads(signed())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"1" * 64, b"2" * 64)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(UntrustedPackage, match="does not hold"):
        verify(json.dumps(bundle).encode())


def test_signature_of_a_package_is_not_that_of_an_image() -> None:
    statement = {"mediaType": BUNDLE, "verificationMaterial": {}, "dsseEnvelope": {}}
    with pytest.raises(UntrustedPackage, match="damaged"):
        verify(json.dumps(statement).encode())
