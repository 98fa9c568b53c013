"""A candidate is signed by the current key, once; a new key replaces the signature and leaves the digest."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.ports.registry import Candidate, Fingerprint, TrainingRecord
from intermodal.platform.protocol.manifest import SIGNATURE
from intermodal.platform.protocol.signing import verify_folder
from intermodal.platform.registry.signing import with_signature
from tests import tiny_package
from tests.memory import MemoryRegistry, MemorySigner

OLD, NEW = (MemorySigner(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    return MemoryRegistry(tmp_path)


@pytest.fixture
def candidate(registry: MemoryRegistry, tmp_path: Path) -> Candidate:
    folder = tiny_package.build(tmp_path / "made")
    mark = Fingerprint("s", "d", "c", "p", "e")
    signature = tiny_package.SIGNATURE
    record = TrainingRecord("flight_delay", "r", "binary", signature, mark, {}, "2013-03-01", {}, {}, {}, "c")
    return registry.record(folder, record)


def keys(signer: MemorySigner) -> list[bytes]:
    assert signer.key
    return [signer.key]


def test_signature_is_kept_when_it_holds(registry: MemoryRegistry, candidate: Candidate) -> None:
    signed = with_signature(registry, OLD, candidate)
    verify_folder(Path(signed.artifacts), keys(OLD))
    assert signed.manifest.digest == candidate.manifest.digest
    assert registry.candidate(candidate.model) == signed == with_signature(registry, OLD, signed)


def test_signature_of_another_key_is_replaced(registry: MemoryRegistry, candidate: Candidate) -> None:
    signed = with_signature(registry, NEW, with_signature(registry, OLD, candidate))
    verify_folder(Path(signed.artifacts), keys(NEW))
    with pytest.raises(UntrustedPackage, match="not trusted"):
        verify_folder(Path(signed.artifacts), keys(OLD))
    assert signed.manifest.digest == candidate.manifest.digest


def test_signature_that_is_damaged_is_replaced(registry: MemoryRegistry, candidate: Candidate) -> None:
    signed = with_signature(registry, OLD, candidate)
    (Path(signed.artifacts) / SIGNATURE).write_bytes(b"{}")
    verify_folder(Path(with_signature(registry, OLD, signed).artifacts), keys(OLD))


def test_candidate_without_key_stays_unsigned(registry: MemoryRegistry, candidate: Candidate) -> None:
    assert with_signature(registry, MemorySigner(), candidate) == candidate
