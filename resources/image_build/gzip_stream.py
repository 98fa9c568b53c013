"""Compress a layer with the one pinned compressor, and compute both of its digests on the way."""

import hashlib
import struct
import zlib
from typing import BinaryIO

LEVEL = 6
COMPRESSOR = f"zlib {zlib.ZLIB_RUNTIME_VERSION} level {LEVEL}"
"""Another library or version may give other bytes, so this is part of the key of every cached layer."""
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: deflate, no flags, no time, unknown system. Python's gzip module would write the time and the system."""


class GzipStream:
    """A file to write a tar to. ``close`` completes the compressed bytes in ``target`` and leaves it open."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self._checksum = self._length = self.size = 0
        self._put(HEADER)

    def write(self, data: bytes) -> int:
        self._plain.update(data)
        self._checksum = zlib.crc32(data, self._checksum)
        self._length += len(data)
        self._put(self._deflate.compress(data))
        return len(data)

    def close(self) -> None:
        self._put(self._deflate.flush())
        self._put(struct.pack("<II", self._checksum, self._length & 0xFFFFFFFF))

    @property
    def digest(self) -> str:
        """Of the compressed bytes."""
        return f"sha256:{self._packed.hexdigest()}"

    @property
    def diff_id(self) -> str:
        """Of the tar file inside."""
        return f"sha256:{self._plain.hexdigest()}"

    def _put(self, data: bytes) -> None:
        self._packed.update(data)
        self.size += len(data)
        self._target.write(data)
