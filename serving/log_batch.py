"""One object of the prediction log, as platform/prediction_log.py describes it."""

import io
import sys
import zipfile
from dataclasses import asdict
from itertools import chain
from time import monotonic
from typing import Any

import msgspec

from intermodal.platform.prediction_log import is_text
from intermodal.serving.log_parts import Layout, Part, Texts

ORDER = "<" if sys.byteorder == "little" else ">"
FLOAT, INTEGER = f"{ORDER}f8", f"{ORDER}i8"


class Batch:
    """An object that is being written; all its requests fall into one hour. ``size`` in bytes, not yet compressed."""

    def __init__(self, key: str, hour: int, layout: Layout) -> None:
        self.key, self.hour, self.layout, self.opened = key, hour, layout, monotonic()
        self.requests = self.size = 0
        self._parts: list[Part] = []

    def write(self, part: Part) -> None:
        self._parts.append(part)
        self.requests += part.n
        self.size += part.size

    def end(self) -> bytes:
        """The whole object. Each column of all parts is compressed in one call: with one for each part, this thread
        and the event loop hand Python to each other a thousand times an object (docs/profiles.md)."""
        _, r, at, ids, label_ids, rows, inputs, predictions, texts = zip(*self._parts, strict=True)
        names = [column.name for column in self.layout.header.columns if is_text(column)]
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _json(archive, "header.json", asdict(self.layout.header))
            _texts(archive, "ids.npy", ids)
            _texts(archive, "label_ids.npy", label_ids)
            _array(archive, "at.npy", FLOAT, (self.requests,), b"".join(at))
            _array(archive, "rows.npy", INTEGER, (self.requests,), b"".join(rows))
            columns = chain.from_iterable(zip(*inputs, strict=True))
            _array(archive, "inputs.npy", FLOAT, (len(inputs[0]), sum(r)), b"".join(columns))
            _json(archive, "texts.json", {name: [value for some in texts for value in some[name]] for name in names})
            _array(archive, "predictions.npy", FLOAT, (sum(r), self.layout.width), b"".join(predictions))
        return whole.getvalue()


def _json(archive: zipfile.ZipFile, name: str, value: Any) -> None:
    archive.writestr(name, msgspec.json.encode(value))


def _texts(archive: zipfile.ZipFile, name: str, parts: tuple[Texts, ...]) -> None:
    width = max(part.width for part in parts)
    data = b"".join([part.wider(width) for part in parts])
    _array(archive, name, f"|S{width}", (len(data) // width,), data)


def _array(archive: zipfile.ZipFile, name: str, kind: str, shape: tuple[int, ...], data: bytes) -> None:
    """As ``numpy.load`` reads it: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""
    about = str({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    about = about.ljust((len(about) + 74) // 64 * 64 - 11) + b"\n"  # what stands before the data: a multiple of 64
    with archive.open(name, "w") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(about).to_bytes(2, "little") + about)
        file.write(data)
