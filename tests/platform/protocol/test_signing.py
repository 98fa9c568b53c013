"""A package is accepted only when its files are exactly those that a trusted key signed."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError, UntrustedPackage
from intermodal.platform.protocol.keys import VARIABLE, from_variables, hint_of, key_text, to_variables
from intermodal.platform.protocol.manifest import MANIFEST, SIGNATURE, Manifest
from intermodal.platform.protocol.signing import verify_folder, verify_manifest
from tests.signing import PRIVATE, der, sign

GOLDEN = Path(__file__).parent / "model_signing"
"""A package signed by model-signing 1.1.1, its public key, and a signature that ignores paths."""
FILES = {"intermodal.json": b"{}", "model.txt": b"tree\n", "code/helpers.py": b"X = 1\n", "code.txt": b""}
OTHER = ec.generate_private_key(ec.SECP256R1())


def signed(folder: Path, private: ec.EllipticCurvePrivateKey = PRIVATE) -> Path:
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    sign(folder, private)
    return folder


def golden_key() -> bytes:
    key = load_pem_public_key((GOLDEN / "key.pub").read_bytes())
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_verify_signed_package_is_accepted(tmp_path: Path) -> None:
    verify_folder(signed(tmp_path), [der(OTHER), der(PRIVATE)])


def test_verify_package_of_model_signing_is_accepted() -> None:
    verify_folder(GOLDEN / "package", [golden_key()])


def test_verify_manifest_of_a_mirror_is_no_part_of_it(tmp_path: Path) -> None:
    folder = signed(tmp_path)
    (folder / MANIFEST).write_bytes(b"{}")  # a platform downloads the whole prefix of a mirror
    verify_folder(folder, [der(PRIVATE)])


def test_verify_ignored_paths_of_model_signing_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "package", tmp_path / "package")
    shutil.copy(GOLDEN / "ignoring.sig", folder / SIGNATURE)
    with pytest.raises(UntrustedPackage, match="ignore_paths"):
        verify_folder(folder, [golden_key()])


def changed(folder: Path) -> None:
    (folder / "model.txt").write_bytes(b"treE\n")


def renamed(folder: Path) -> None:
    (folder / "model.txt").rename(folder / "model2.txt")


def linked(folder: Path) -> None:
    (folder / "model.txt").rename(folder.parent / "elsewhere")
    (folder / "model.txt").symlink_to(folder.parent / "elsewhere")


def linked_folder(folder: Path) -> None:
    (folder / "code").rename(folder.parent / "elsewhere")
    (folder / "code").symlink_to(folder.parent / "elsewhere")


def damaged(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / SIGNATURE).write_bytes(content)

    return write


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed, "not what was signed: model.txt changed"),
        (lambda folder: (folder / "code/helpers.py").unlink(), "code/helpers.py missing"),
        (lambda folder: (folder / ".gitignore").write_bytes(b""), ".gitignore not signed"),
        (lambda folder: (folder / "code" / SIGNATURE).write_bytes(b""), f"code/{SIGNATURE} not signed"),
        (renamed, "model.txt missing; model2.txt not signed"),
        (linked, "model.txt is a link"),
        (linked_folder, "code is a link"),
        (lambda folder: (folder / SIGNATURE).unlink(), "is not signed: model.sig is missing"),
        (damaged(b""), "is not signed"),
        (damaged(b"{"), "is damaged"),
        (damaged(b"[]"), "is damaged"),
        (damaged(b"{}"), "is damaged"),
        (damaged(b"\xff"), "is damaged"),
        (damaged(b"[" * 100_000), "is damaged"),
        (lambda folder: signed(folder, OTHER), "signed by a key that is not trusted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_verify_changed_package_is_refused(change: Callable[[Path], Any], reason: str, tmp_path: Path) -> None:
    folder = signed(tmp_path / "package")
    change(folder)
    with pytest.raises(UntrustedPackage, match=reason) as refused:
        verify_folder(folder, [der(PRIVATE)])
    assert str(folder) in refused.value.message
    assert refused.value.hint


def test_verify_without_trusted_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UntrustedPackage, match="not trusted"):
        verify_folder(signed(tmp_path), [])


@given(st.data())
def test_verify_any_changed_byte_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = signed(tmp_path_factory.mktemp("package"))
    path = data.draw(st.sampled_from([path for path, content in FILES.items() if content]))
    content = bytearray(FILES[path])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / path).write_bytes(content)
    with pytest.raises(UntrustedPackage, match=f"{path} changed"):
        verify_folder(folder, [der(PRIVATE)])


@given(st.data())
def test_verify_any_changed_statement_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = signed(tmp_path_factory.mktemp("package"))
    bundle = json.loads((folder / SIGNATURE).read_bytes())
    field, holder = data.draw(
        st.sampled_from(
            [("payload", bundle["dsseEnvelope"]), ("sig", bundle["dsseEnvelope"]["signatures"][0])],
        )
    )
    content = bytearray(base64.b64decode(holder[field]))
    # A signature's length is random, so the position is not drawn by it.
    content[data.draw(st.integers(0, 10_000)) % len(content)] ^= data.draw(st.integers(1, 255))
    holder[field] = base64.b64encode(content).decode()
    with pytest.raises(UntrustedPackage):
        verify_manifest(json.dumps(bundle).encode(), Manifest.of(folder), [der(PRIVATE)], "here")


def resigned(folder: Path, change: Callable[[Any], None]) -> bytes:
    """The signature of ``folder`` with another statement, which the trusted key signed too."""
    bundle = json.loads((folder / SIGNATURE).read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    change(statement)
    payload, kind = json.dumps(statement).encode(), bundle["dsseEnvelope"]["payloadType"]
    data = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signature = PRIVATE.sign(data, ec.ECDSA(SHA256()))
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return json.dumps(bundle).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda statement: statement.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda statement: statement["predicate"]["serialization"].update(ignore_paths=[]),
        lambda statement: statement["predicate"]["serialization"].update(ignore_paths="x"),
        lambda statement: statement["predicate"]["serialization"].update(method="shards"),
        lambda statement: statement["predicate"]["resources"].append(statement["predicate"]["resources"][0]),
        lambda statement: statement["predicate"]["resources"][0].update(algorithm="blake3"),
        lambda statement: statement["subject"][0]["digest"].update(sha256="00"),
        lambda statement: statement.update(predicate=None),
    ],
)
def test_verify_foreign_statement_is_refused(change: Callable[[Any], None], tmp_path: Path) -> None:
    folder = signed(tmp_path)
    verify_manifest(resigned(folder, lambda _: None), Manifest.of(folder), [der(PRIVATE)], "here")
    with pytest.raises(UntrustedPackage, match=r"model\.sig"):
        verify_manifest(resigned(folder, change), Manifest.of(folder), [der(PRIVATE)], "here")


def test_hint_is_that_of_model_signing() -> None:
    bundle = json.loads((GOLDEN / "package" / SIGNATURE).read_text("utf-8"))
    assert bundle["verificationMaterial"]["publicKey"]["hint"] == hint_of(golden_key())


def test_keys_round_trip_within_the_limit_of_a_variable() -> None:
    keys = [der(ec.generate_private_key(ec.SECP256R1())) for _ in range(20)]
    variables = to_variables(map(key_text, keys))
    assert from_variables(variables) == tuple(sorted(keys))
    assert len(variables) == 3
    assert max(map(len, variables.values())) <= 1024
    assert to_variables([]) == {}
    assert from_variables({}) == ()


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "eA==",
        "ключ",
        base64.b64encode(der(ec.generate_private_key(ec.SECP384R1()))).decode(),  # type: ignore[arg-type]
    ],
)
def test_keys_that_are_none_raise(text: str) -> None:
    with pytest.raises(SpecError, match=f"{VARIABLE} holds no public key"):
        from_variables({VARIABLE: text})


def test_manifest_signature_leaves_the_digest(tmp_path: Path) -> None:
    folder = signed(tmp_path)
    manifest = Manifest.of(folder)
    unsigned = Manifest(manifest.content)
    assert SIGNATURE in manifest.files
    assert manifest.digest == unsigned.digest
    assert unsigned.signed((folder / SIGNATURE).read_bytes()) == manifest == Manifest.from_json(manifest.to_json())


def test_verify_by_model_signing_accepts_ours(tmp_path: Path) -> None:
    reason = "the judge is not installed: pip install model-signing pyopenssl"
    pytest.importorskip("OpenSSL", reason=reason)
    judge = pytest.importorskip("model_signing", reason=reason)
    folder = signed(tmp_path / "package")
    public = tmp_path / "key.pub"
    public.write_bytes(PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def verify() -> None:
        files = judge.hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
        config = judge.verifying.Config().use_elliptic_key_verifier(public_key=public)
        config.set_hashing_config(files).verify(folder, folder / SIGNATURE)

    verify()
    changed(folder)
    with pytest.raises(ValueError, match=r"model\.txt"):
        verify()
