"""Deterministic layers: the same files give the same bytes, whatever their folder, owner, time or umask."""

import io
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from intermodal.platform.deployment.oci import WHITEOUT, Layer
from intermodal.platform.errors import SpecError
from intermodal.resources.image_build.gzip_stream import GzipStream

FOLDER_MODE, PROGRAM_MODE, FILE_MODE = 0o755, 0o755, 0o644
"""Readable by any user: platforms start the image as root, as 65534 or as a random one."""


@dataclass(frozen=True)
class Entry:
    """A file (``data``), a symbolic link (``link``) or a folder (neither). ``path`` has no leading slash."""

    path: str
    mode: int
    data: bytes | Path | None = None
    link: str = ""


def file_entry(path: str, data: bytes | Path) -> Entry:
    """A file with a normalised mode: executable if its owner may execute it."""
    executable = isinstance(data, Path) and data.stat().st_mode & 0o100
    return Entry(path, PROGRAM_MODE if executable else FILE_MODE, data)


def folder_entries(folder: Path, below: str, skip: Iterable[str] = ()) -> Iterator[Entry]:
    """Everything in ``folder`` as files below ``below``. Links are followed, since a layer holds no link to outside.
    ``skip`` are names of files and folders to leave out at any depth."""
    left_out = frozenset(skip)
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if left_out.isdisjoint(relative.parts) and path.is_file():
            yield file_entry(f"{below}/{relative.as_posix()}", path)


def write_layer(name: str, entries: Iterable[Entry], target: BinaryIO) -> Layer:
    """Write the entries as tar.gz, sorted by path, with every parent folder. SpecError when two have one path."""
    stream = GzipStream(target)
    with tarfile.open(fileobj=cast(BinaryIO, stream), mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 16) as tar:
        for entry in _whole(entries):
            _add(tar, entry)
    stream.close()
    return Layer(name, stream.digest, stream.size, stream.diff_id)


def _whole(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with the folders that they need, parents first."""
    found: dict[str, Entry] = {}
    for entry in entries:
        parts = PurePosixPath(entry.path).parts
        if not parts or entry.path.startswith("/") or ".." in parts:
            raise SpecError(f"'{entry.path}' cannot be a path in an image.")
        if any(part.startswith(WHITEOUT) for part in parts):
            raise SpecError(
                f"'{entry.path}' cannot be in an image: engines read '{WHITEOUT}' as the deletion of a file.",
                hint="Rename that artifact.",
            )
        is_folder = entry.data is None and not entry.link
        if entry.path in found and not is_folder:
            raise SpecError(f"Two files of a layer have the path '{entry.path}'.")
        found[entry.path] = entry
    for path in list(found):
        for parent in PurePosixPath(path).parents:
            if parent.parts:
                found.setdefault(str(parent), Entry(str(parent), FOLDER_MODE))
    return [found[path] for path in sorted(found, key=lambda path: path.split("/"))]


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    """Owner, group and time are those of a new TarInfo: 0 and 0 and the epoch."""
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(info)
    elif entry.data is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.data, bytes):
        info.size = len(entry.data)
        tar.addfile(info, io.BytesIO(entry.data))
    else:
        with entry.data.open("rb") as file:
            info.size = entry.data.stat().st_size
            tar.addfile(info, file)
