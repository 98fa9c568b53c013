"""The layer of the server: the sources that run inside the image, and their bytecode."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.metadata import version as distribution_version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from intermodal.platform.deployment.oci import Layer
from intermodal.platform.errors import IntermodalError
from intermodal.resources.image_build.bytecode import compile_folder, compiler
from intermodal.resources.image_build.cache import CachedLayer, LayerCache, inputs_of
from intermodal.resources.image_build.layers import Entry, file_entry, folder_entries, write_layer

RUNTIMES = "intermodal.runtimes"
APP_PATH = "opt/intermodal/app"
PARTS = ("platform/errors.py", "platform/protocol", "serving")
"""What ``serving`` may import (pyproject.toml, importlinter)."""


def app_entries() -> Iterator[Entry]:
    """The modules of PARTS, from wherever this installation has them."""
    for part in PARTS:
        source = _root(part.split("/")[0]) / part.partition("/")[2]
        if source.is_file():
            yield file_entry(f"{APP_PATH}/intermodal/{part}", source)
        else:
            entries = folder_entries(source, f"{APP_PATH}/intermodal/{part}", skip=["__pycache__"])
            yield from (entry for entry in entries if entry.path.endswith(".py"))


def app_layer(cache: LayerCache) -> CachedLayer:
    """The layer, or the cached one if no module changed."""
    entries = list(app_entries())
    interpreter, version = compiler()

    def make(target: BinaryIO) -> Layer:
        with TemporaryDirectory() as scratch:
            root = Path(scratch) / "app"
            for entry in entries:
                assert isinstance(entry.data, Path)
                copy = root / Path(entry.path).relative_to(APP_PATH)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(entry.data.read_bytes())
            _write_metadata(root)
            compile_folder(root, APP_PATH, interpreter)
            return write_layer("app", folder_entries(root, APP_PATH), target)

    return cache.get("app", [version, inputs_of(entries), _metadata()], make)


def _metadata() -> str:
    """The entry points of Intermodal's own runtimes, by which the server finds the one of a package's format."""
    ours = {entry for entry in entry_points(group=RUNTIMES) if entry.module.startswith("intermodal.")}
    return "\n".join([f"[{RUNTIMES}]", *sorted(f"{entry.name} = {entry.value}" for entry in ours), ""])


def _write_metadata(root: Path) -> None:
    """What an installed package has: https://packaging.python.org/en/latest/specifications/recording-installed-packages"""
    folder = root / f"intermodal-{distribution_version('intermodal')}.dist-info"
    folder.mkdir()
    described = f"Metadata-Version: 2.1\nName: intermodal\nVersion: {distribution_version('intermodal')}\n"
    (folder / "METADATA").write_text(described, encoding="utf-8")
    (folder / "entry_points.txt").write_text(_metadata(), encoding="utf-8")


def _root(name: str) -> Path:
    """The folder of ``intermodal.<name>``, without an import of it."""
    spec = find_spec(f"intermodal.{name}")
    if spec is None or not spec.submodule_search_locations:
        raise IntermodalError(f"intermodal.{name} is not installed.")
    return Path(next(iter(spec.submodule_search_locations))).resolve()
