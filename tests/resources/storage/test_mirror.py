"""How a mirror sends: blocks, parts, what it holds meanwhile, and a store or a source that goes wrong on the way.

Against obstore's own stores in memory and on disk; what every cloud's store promises is in tests/conformance.
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
from intermodal.resources.storage.mirror import BLOCK, PART, PARTS, Mirror

SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, PART, PART + 1, 2 * PART + BLOCK + 3)


def _source(folder: Path, sizes: tuple[int, ...]) -> Manifest:
    for size in sizes:
        (folder / f"{size}.bin").write_bytes(os.urandom(size))
    return Manifest.of(folder)


def _keys(store: Any) -> set[str]:
    return {one["path"] for one in obstore.list(store).collect()}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_every_size_arrives(store: MemoryStore, tmp_path: Path) -> None:
    manifest = _source(tmp_path, SIZES)
    assert set(Mirror(store, "m", "memory://m").run(tmp_path, manifest).copied) == set(manifest.files)
    for path in manifest.files:
        assert bytes(obstore.get(store, f"m/{path}").bytes()) == (tmp_path / path).read_bytes()


def test_no_more_is_held_than_the_parts_under_way(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    manifest = _source(tmp_path / "source", (12 * PART,))
    store = LocalStore(tmp_path / "store", mkdir=True)
    tracemalloc.start()
    try:
        Mirror(store, "m", "file://m").run(tmp_path / "source", manifest)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < (PARTS + 1) * PART


@pytest.mark.parametrize("size", [10, PART + 1])
def test_a_source_that_goes_while_it_is_sent(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Also of several parts: nothing of it can be seen, and nothing says that the mirror is whole."""
    manifest = _source(tmp_path, (size,))
    monkeypatch.setattr(mirror, "_require_size", lambda file, _: file.unlink())
    with pytest.raises(IntermodalError, match="is not what its manifest says"):
        Mirror(store, "m", "memory://m").run(tmp_path, manifest)
    assert _keys(store) == set()


@pytest.mark.parametrize("size", [10, PART + 1])
def test_a_source_that_ends_early_while_it_is_sent(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    manifest = _source(tmp_path, (size,))
    monkeypatch.setattr(mirror, "_require_size", lambda file, _: os.truncate(file, size // 2))
    with pytest.raises(IntermodalError, match="is not what its manifest says"):
        Mirror(store, "m", "memory://m").run(tmp_path, manifest)
    assert f"m/{MANIFEST}" not in _keys(store)


@pytest.mark.parametrize("times", [1, 2])
def test_a_store_that_loses_bytes(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """Once: it is sent again. Twice: the run fails, and nothing says that the mirror is whole."""
    manifest = _source(tmp_path, (2 * BLOCK,))
    put, lost = obstore.put, list[str]()

    def losing(store: Any, key: str, data: Any, **how: Any) -> Any:
        if key.endswith(".bin") and len(lost) < times:
            lost.append(key)
            data = [bytes(len(block)) for block in data]
        return put(store, key, data, **how)

    monkeypatch.setattr(obstore, "put", losing)
    copy = Mirror(store, "m", "memory://m")
    if times == 1:
        copy.run(tmp_path, manifest)
        assert copy.damaged(manifest) == {}
    else:
        with pytest.raises(Unavailable, match="twice"):
            copy.run(tmp_path, manifest)
        assert f"m/{MANIFEST}" not in _keys(store)
