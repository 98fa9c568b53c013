"""A version's files from the mirrors of other sites: whole, damaged, gone, one that leads out of its folder."""

import logging
from pathlib import Path

import pytest

from intermodal.platform.deployment.copying import copy_of, is_whole, unsigned
from intermodal.platform.errors import IntermodalError, NotFound, SpecError, UntrustedPackage
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol.manifest import MANIFEST, FileEntry, Manifest
from intermodal.platform.targets import Site
from tests.memory import MemoryStore
from tests.signing import sign

LOG = logging.getLogger(__name__)
PREFIX = "wine/1.0.0"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "source" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "model.bin").write_bytes(bytes(range(256)))
    (tmp_path / "source" / "deep" / "empty").touch()
    return Manifest.of(tmp_path / "source")


@pytest.fixture
def stores(manifest: Manifest, tmp_path: Path) -> list[MemoryStore]:
    found = [MemoryStore(Site("aws")), MemoryStore(Site("gcp"))]
    for store in found:
        store.mirror(tmp_path / "source", manifest, PREFIX)
    return found


def copy(stores: list[MemoryStore], folder: Path, digest: str = "") -> tuple[Path, Manifest]:
    folder.mkdir()
    return copy_of(None, stores, "wine", Identity("1.0.0", digest), folder, LOG)


def test_copy_takes_every_file_of_the_first_mirror(
    stores: list[MemoryStore], manifest: Manifest, tmp_path: Path
) -> None:
    folder, found = copy(stores, tmp_path / "copy")
    assert (folder.name, found) == ("aws", manifest)
    assert Manifest.of(folder) == manifest


def test_copy_passes_over_a_mirror_that_no_trusted_key_signed(
    stores: list[MemoryStore], manifest: Manifest, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    key = sign(source)
    stores[1].mirror(source, Manifest.of(source), PREFIX)
    version = Identity("1.0.0", manifest.digest)
    (tmp_path / "copy").mkdir()
    folder, found = copy_of(None, stores, "wine", version, tmp_path / "copy", LOG, [key])
    assert (folder.name, found) == ("gcp", Manifest.of(source))
    assert [is_whole(store, "wine", version, [key]) for store in stores] == [False, True]
    assert all(is_whole(store, "wine", version) for store in stores)
    assert "is not signed" in unsigned(stores[0], manifest, PREFIX, [key])
    (tmp_path / "again").mkdir()
    with pytest.raises(UntrustedPackage, match="is not signed"):
        copy_of(None, stores[:1], "wine", version, tmp_path / "again", LOG, [key])


def test_copy_passes_over_a_mirror_whose_manifest_was_changed_too(stores: list[MemoryStore], tmp_path: Path) -> None:
    """Who can write to a bucket can change a file and its hash, and cannot sign."""
    source = tmp_path / "source"
    key = sign(source)
    (source / "model.bin").write_bytes(b"evil")
    stores[0].mirror(source, Manifest.of(source), PREFIX)
    (tmp_path / "copy").mkdir()
    with pytest.raises(UntrustedPackage, match=r"model\.bin changed"):
        copy_of(None, stores[:1], "wine", Identity("1.0.0"), tmp_path / "copy", LOG, [key])
    assert not is_whole(stores[0], "wine", Identity("1.0.0"), [key])


@pytest.mark.parametrize("path", ["model.bin", MANIFEST])
@pytest.mark.parametrize("data", [b"", bytes(256), None])
def test_copy_takes_the_next_mirror_when_the_first_is_damaged(
    stores: list[MemoryStore], manifest: Manifest, tmp_path: Path, path: str, data: bytes | None
) -> None:
    if data is None:
        del stores[0].objects[f"{PREFIX}/{path}"]
    else:
        stores[0].objects[f"{PREFIX}/{path}"] = data
    folder, _ = copy(stores, tmp_path / "copy")
    assert folder.name == "gcp"
    assert Manifest.of(folder) == manifest


def test_copy_without_a_whole_mirror_raises(stores: list[MemoryStore], tmp_path: Path) -> None:
    for store in stores:
        store.objects[f"{PREFIX}/model.bin"] = b"other"
    with pytest.raises(IntermodalError, match=r"model\.bin is damaged"):
        copy(stores, tmp_path / "copy")


def test_copy_without_any_mirror_raises(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        copy([MemoryStore(Site("aws"))], tmp_path / "copy")


def test_copy_writes_no_path_outside_of_its_folder(tmp_path: Path) -> None:
    store = MemoryStore(Site("aws"))
    store.put(f"{PREFIX}/{MANIFEST}", Manifest({"../../out": FileEntry(1, "0" * 64)}).to_json().encode())
    with pytest.raises(SpecError):
        copy([store], tmp_path / "copy")
    assert not (tmp_path / "out").exists()


def test_copy_passes_over_a_mirror_of_another_digest(
    stores: list[MemoryStore], manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model.bin").write_bytes(b"other bytes")
    stores[0].mirror(tmp_path / "other", Manifest.of(tmp_path / "other"), PREFIX)
    folder, _ = copy(stores, tmp_path / "copy", manifest.digest)
    assert folder.name == "gcp"
    assert is_whole(stores[0], "wine", Identity("1.0.0"))
    assert not is_whole(stores[0], "wine", Identity("1.0.0", manifest.digest))
    with pytest.raises(IntermodalError, match="has the digest"):
        copy(stores[:1], tmp_path / "first", manifest.digest)
