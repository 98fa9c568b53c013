import logging
import shutil
from pathlib import Path
from typing import BinaryIO

import pytest

from intermodal.platform.deployment.oci import Layer, blob_path
from intermodal.resources.image_build.cache import LayerCache
from intermodal.resources.image_build.layers import file_entry, write_layer


def test_cache_same_inputs_are_made_once_and_others_anew(tmp_path: Path) -> None:
    cache, made = LayerCache(tmp_path), []

    def make(target: BinaryIO) -> Layer:
        made.append(1)
        return write_layer("x", [file_entry("a", b"1")], target)

    first, second = cache.get("x", ["a"], make), cache.get("x", ["a"], make)
    assert (first, len(made)) == (second, 1)
    cache.get("x", ["b"], make)
    assert len(made) == 2


def test_cache_damaged_layer_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = LayerCache(tmp_path)

    def make(target: BinaryIO) -> Layer:
        return write_layer("x", [file_entry("a", b"1")], target)

    first = cache.get("x", ["a"], make)
    good = first.file.read_bytes()
    first.file.chmod(0o644)
    first.file.write_bytes(good[:-1] + b"?")
    with caplog.at_level(logging.INFO):
        assert cache.get("x", ["a"], make).file.read_bytes() == good
    assert "is damaged and made again" in caplog.text


def test_cache_failed_layer_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(target: BinaryIO) -> Layer:
        target.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        LayerCache(tmp_path).get("x", [], fail)
    assert [path.suffix for path in (tmp_path / "layers").iterdir()] == [".lock"]


def test_cache_removes_what_a_killed_build_left(tmp_path: Path) -> None:
    """A killed process removes no scratch folder. Another layer's is left alone, since it may be in the making."""
    cache = LayerCache(tmp_path)

    def make(target: BinaryIO) -> Layer:
        return write_layer("x", [], target)

    home = cache.get("x", [], make).file.parent
    killed, running = (home.with_name(f"{name}.part-abc") for name in (home.name, "y-123"))
    for folder in (killed, running):
        folder.mkdir()
    shutil.rmtree(home)
    cache.get("x", [], make)
    assert (killed.exists(), running.exists()) == (False, True)


def test_put_writes_the_blob_once(tmp_path: Path) -> None:
    cached = LayerCache(tmp_path / "cache").get("x", [], lambda target: write_layer("x", [], target))
    cached.put(tmp_path / "layout")
    cached.put(tmp_path / "layout")
    blob = tmp_path / "layout" / blob_path(cached.layer.digest)
    assert blob.read_bytes() == cached.file.read_bytes()
