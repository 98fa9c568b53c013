"""Layers by what they were made from: a layer whose inputs did not change is not made again."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from filelock import FileLock

from intermodal.platform.deployment.oci import Layer, blob_path, canonical_json
from intermodal.platform.protocol.manifest import sha256_of
from intermodal.resources import python_packages
from intermodal.resources.image_build.gzip_stream import COMPRESSOR
from intermodal.resources.image_build.layers import Entry

logger = logging.getLogger(__name__)

BLOB, DESCRIPTION = "layer.tar.gz", "layer.json"


@dataclass(frozen=True)
class CachedLayer:
    """A layer and the file with its compressed bytes."""

    layer: Layer
    file: Path

    def put(self, layout: Path) -> None:
        """Copy the bytes into an OCI layout, as a hard link where that is possible."""
        target = layout / blob_path(self.layer.digest)
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.file, target)
        except OSError:
            shutil.copyfile(self.file, target)


class LayerCache:
    """Layers in ``folder``. Processes that need the same layer wait for the one that makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, inputs: object, make: Callable[[BinaryIO], Layer]) -> CachedLayer:
        """The layer that was made from these inputs (any JSON value), or a new one. A damaged one is made again."""
        key = hashlib.sha256(canonical_json([_code(), COMPRESSOR, name, inputs])).hexdigest()
        home = self.folder / "layers" / f"{name}-{key[:32]}"
        home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{home}.lock"):
            if found := _read(home):
                return found
            logger.info("making the layer %s ...", name)
            for left in home.parent.glob(f"{home.name}.part-*"):  # of a build that was killed: the lock is ours
                shutil.rmtree(left, ignore_errors=True)
            with TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.part-") as scratch:
                fresh = Path(scratch) / "fresh"
                fresh.mkdir()
                with (fresh / BLOB).open("wb") as target:
                    layer = make(target)
                (fresh / DESCRIPTION).write_text(json.dumps(asdict(layer)), encoding="utf-8")
                (fresh / BLOB).chmod(0o444)  # layouts hold hard links to it
                shutil.rmtree(home, ignore_errors=True)
                fresh.rename(home)
            logger.info("the layer %s has %.1f MB", name, layer.size / 1e6)
            return CachedLayer(layer, home / BLOB)


@cache
def _code() -> str:
    """The hash of the modules that make layers: a release that changes them makes its layers anew."""
    sources = [*sorted(Path(__file__).parent.glob("*.py")), Path(python_packages.__file__)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _read(home: Path) -> CachedLayer | None:
    with suppress(OSError, ValueError, TypeError):
        layer = Layer(**json.loads((home / DESCRIPTION).read_text(encoding="utf-8")))
        if f"sha256:{sha256_of(home / BLOB)}" == layer.digest:
            return CachedLayer(layer, home / BLOB)
        logger.warning("%s is damaged and made again", home)
    return None


def inputs_of(entries: Iterable[Entry]) -> list[tuple[str, int, str]]:
    """Paths, modes and contents of entries, as a key for the cache."""
    return sorted((entry.path, entry.mode, entry.link or _content(entry)) for entry in entries)


def _content(entry: Entry) -> str:
    if entry.data is None:
        return ""
    return sha256_of(entry.data) if isinstance(entry.data, Path) else hashlib.sha256(entry.data).hexdigest()
