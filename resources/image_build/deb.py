"""Read Debian packages without dpkg: an ar archive with a compressed tar in it.

https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from intermodal.platform.errors import IntermodalError
from intermodal.resources.image_build.layers import Entry

MAGIC = b"!<arch>\n"
HEADER_BYTES, NAME_BYTES, SIZE_FIELD = 60, 16, slice(48, 58)
MERGED = ("bin", "sbin", "lib", "lib64")
"""Folders that are links into /usr (https://wiki.debian.org/UsrMerge). Packages of Debian 12 still name them, and dpkg
follows the links; a layer must not replace them by folders."""


def members(archive: bytes) -> dict[str, bytes]:
    """The files of an ar archive by name. IntermodalError when it is not one."""
    if not archive.startswith(MAGIC):
        raise IntermodalError("A Debian package is no ar archive.", hint="Download it again.")
    found, position = {}, len(MAGIC)
    while position + HEADER_BYTES <= len(archive):
        header = archive[position : position + HEADER_BYTES]
        size = int(header[SIZE_FIELD])
        start = position + HEADER_BYTES
        found[header[:NAME_BYTES].decode().rstrip().rstrip("/")] = archive[start : start + size]
        position = start + size + size % 2
    return found


def entries(archive: bytes) -> Iterator[Entry]:
    """What a package installs, with paths below /usr where Debian merged them. Hard links become files."""
    name, data = next((pair for pair in members(archive).items() if pair[0].startswith("data.tar")), ("", b""))
    if not name:
        raise IntermodalError("A Debian package has no data.", hint="Download it again.")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for info in tar:
            path = merged(info.name)
            mode = info.mode & 0o7777
            if path in ("", *MERGED):
                continue
            if info.issym():
                yield Entry(path, mode, link=info.linkname)
            elif info.isdir():
                yield Entry(path, mode)
            else:
                file = tar.extractfile(info)
                if file is None:
                    raise IntermodalError(f"The Debian package holds {info.name}, which is no file, folder or link.")
                yield Entry(path, mode, file.read())


def merged(path: str) -> str:
    """``./lib/x86_64-linux-gnu/libc.so.6`` as ``usr/lib/x86_64-linux-gnu/libc.so.6``."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", ".")]
    return "/".join(["usr", *parts] if parts[1:] and parts[0] in MERGED else parts)
