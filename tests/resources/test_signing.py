"""Keys come from PEM files whose paths are settings; a wrong file is named, and never quoted."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from intermodal.platform.errors import SpecError
from intermodal.resources.deployment import DeploymentSettings
from intermodal.resources.signing import SIGNING_KEY, TRUSTED_KEYS, PemSigner, trusted_keys, write_key
from tests.conformance.signer import SignerConformance
from tests.memory import MemorySigner
from tests.signing import PRIVATE, der


def pem(*privates: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    keys = (private.public_key() for private in privates)
    return b"".join(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) for key in keys)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (SIGNING_KEY, TRUSTED_KEYS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_key(tmp_path / "home" / "signing.pem")
    monkeypatch.setenv(SIGNING_KEY, str(tmp_path / "home" / "signing.pem"))
    return tmp_path / "home" / "signing.pem"


def test_write_key_is_private_and_kept(file: Path) -> None:
    before = file.read_bytes()
    write_key(file)
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


class TestPemSigner(SignerConformance):
    @pytest.fixture
    def signer(self, file: Path) -> PemSigner:  # noqa: ARG002
        return PemSigner()


class TestMemorySigner(SignerConformance):
    @pytest.fixture
    def signer(self) -> MemorySigner:
        return MemorySigner(PRIVATE)


def test_deployment_trusts_the_own_key(file: Path) -> None:  # noqa: ARG001
    assert DeploymentSettings(environment="sandbox").trusted_keys == (PemSigner().key,)


def test_signer_without_key_signs_nothing() -> None:
    assert PemSigner().key is None
    assert trusted_keys() == ()
    with pytest.raises(SpecError, match=SIGNING_KEY):
        PemSigner().sign(b"data")


def test_trusted_keys_are_own_and_listed(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    old, older = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "trusted.pem").write_bytes(b"# old keys\n" + pem(old) + b"\n" + pem(older))
    monkeypatch.setenv(TRUSTED_KEYS, str(tmp_path / "trusted.pem"))
    assert trusted_keys() == (PemSigner().key, der(old), der(older))
    monkeypatch.delenv(SIGNING_KEY)
    assert trusted_keys() == (der(old), der(older))


SECRET = "MHcCAQEEIsecret"
WRONG = {
    "missing": None,
    "empty": b"",
    "damaged": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----".encode(),
    "other curve": ec.generate_private_key(ec.SECP384R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    ),
    "other kind": ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_signing_key_wrong_file_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "key.pem").write_bytes(content)
    monkeypatch.setenv(SIGNING_KEY, str(tmp_path / "key.pem"))
    with pytest.raises(SpecError, match=SIGNING_KEY) as wrong:
        _ = PemSigner().key
    assert str(tmp_path / "key.pem") in wrong.value.message
    assert "openssl" in wrong.value.hint
    assert SECRET not in str(wrong.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(PRIVATE) + pem(ec.generate_private_key(ec.SECP256R1()))[:90],
    ],
    ids=["empty", "damaged", "other kind", "other curve", "cut off"],
)
def test_trusted_keys_wrong_file_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trusted.pem").write_bytes(content)
    monkeypatch.setenv(TRUSTED_KEYS, str(tmp_path / "trusted.pem"))
    with pytest.raises(SpecError, match=TRUSTED_KEYS):
        trusted_keys()
