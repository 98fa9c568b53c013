"""A mirror's blocks, parts and memory, and a store or a source that fails meanwhile.

With obstore's own stores in memory and on disk; the promises of every cloud's store are in tests/conformance.
"""

import os
import tracemalloc
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore

from intermodal.platform.errors import IntermodalError, Unavailable
from intermodal.platform.protocol.manifest import MANIFEST, Manifest
from intermodal.resources.storage import mirror
from intermodal.resources.storage.mirror import BLOCK_BYTES, MIN_PART_BYTES, PARTS_IN_MEMORY, Mirror

SIZES = (
    0,
    1,
    BLOCK_BYTES - 1,
    BLOCK_BYTES,
    BLOCK_BYTES + 1,
    MIN_PART_BYTES,
    MIN_PART_BYTES + 1,
    2 * MIN_PART_BYTES + BLOCK_BYTES + 3,
)


def _source(folder: Path, sizes: tuple[int, ...]) -> Manifest:
    for size in sizes:
        (folder / f"{size}.bin").write_bytes(os.urandom(size))
    return Manifest.of(folder)


def _keys(store: Any) -> set[str]:
    return {found["path"] for found in obstore.list(store).collect()}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_run_file_of_any_size_arrives(store: MemoryStore, tmp_path: Path) -> None:
    manifest = _source(tmp_path, SIZES)
    assert set(Mirror(store, "m", "memory://m").run(tmp_path, manifest).copied) == set(manifest.files)
    for path in manifest.files:
        assert bytes(obstore.get(store, f"m/{path}").bytes()) == (tmp_path / path).read_bytes()


def test_run_memory_is_limited_to_parts_under_way(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    manifest = _source(tmp_path / "source", (12 * MIN_PART_BYTES,))
    store = LocalStore(tmp_path / "store", mkdir=True)
    tracemalloc.start()
    try:
        Mirror(store, "m", "file://m").run(tmp_path / "source", manifest)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (PARTS_IN_MEMORY + 1) * MIN_PART_BYTES


@pytest.mark.parametrize("size", [10, MIN_PART_BYTES + 1])
def test_run_source_deleted_meanwhile_is_an_error(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also of several parts: the store has neither the object nor the manifest."""
    manifest = _source(tmp_path, (size,))
    monkeypatch.setattr(mirror, "_require_size", lambda file, _: file.unlink())
    with pytest.raises(IntermodalError, match="is not what its manifest says"):
        Mirror(store, "m", "memory://m").run(tmp_path, manifest)
    assert _keys(store) == set()


@pytest.mark.parametrize("size", [10, MIN_PART_BYTES + 1])
def test_run_source_truncated_meanwhile_is_an_error(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    manifest = _source(tmp_path, (size,))
    monkeypatch.setattr(mirror, "_require_size", lambda file, _: os.truncate(file, size // 2))
    with pytest.raises(IntermodalError, match="is not what its manifest says"):
        Mirror(store, "m", "memory://m").run(tmp_path, manifest)
    assert f"m/{MANIFEST}" not in _keys(store)


@pytest.mark.parametrize("times", [1, 2])
def test_run_store_that_loses_bytes_is_retried_once(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Once: it is sent again. Twice: the run fails, and there is no manifest."""
    manifest = _source(tmp_path, (2 * BLOCK_BYTES,))
    put, lost = obstore.put, list[str]()

    def losing(store: Any, key: str, data: Any, **options: Any) -> Any:
        if key.endswith(".bin") and len(lost) < times:
            lost.append(key)
            data = [bytes(len(block)) for block in data]
        return put(store, key, data, **options)

    monkeypatch.setattr(obstore, "put", losing)
    copy = Mirror(store, "m", "memory://m")
    if times == 1:
        copy.run(tmp_path, manifest)
        assert copy.damaged(manifest) == {}
    else:
        with pytest.raises(Unavailable, match="twice"):
            copy.run(tmp_path, manifest)
        assert f"m/{MANIFEST}" not in _keys(store)
