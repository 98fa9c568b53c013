"""Where plain rows wait for the prediction log: side by side, in memory that is used again and again.

Objects of their own would wait all over the memory and drive the model from the processor's cache, which costs a
request ten times what it takes to write one into its slot.
"""

from struct import Struct
from threading import Lock
from typing import Any

import numpy as np

ID_BYTES = 36
"""A UUID as text, which is what Envoy gives a request."""
LABEL_BYTES = 64
SLOTS = 256


class Slots:
    """One model's rows of ``columns`` numbers in and ``width`` numbers out. Any thread may take."""

    def __init__(self, columns: int, width: int) -> None:
        self._write = Struct(f"=d{ID_BYTES}s{LABEL_BYTES}s{8 * columns}s{width}d")
        self._memory = bytearray(self._write.size * SLOTS)
        self._used = 0
        self._lock = Lock()
        self.dtype = np.dtype(
            [
                *(("at", "f8"), ("id", f"S{ID_BYTES}"), ("label_id", f"S{LABEL_BYTES}")),
                *(("numbers", "f8", (columns,)), ("values", "f8", (width,))),
            ]
        )

    def put(self, at: float, id_: bytes, label_id: bytes, numbers: bytes, values: list[float]) -> bytes:
        """Write one row. When that was the last free slot, all of them as ``take`` gives them; else nothing."""
        with self._lock:
            self._write.pack_into(self._memory, self._used, at, id_, label_id, numbers, *values)
            self._used += self._write.size
            return self._take() if self._used == len(self._memory) else b""

    def take(self) -> bytes:
        """Everything that was written, as ``dtype`` reads it; the slots are free again."""
        with self._lock:
            return self._take()

    def _take(self) -> bytes:
        used, self._used = self._used, 0
        return bytes(memoryview(self._memory)[:used])

    def read(self, taken: bytes) -> "np.ndarray[Any, Any]":
        return np.frombuffer(taken, self.dtype)
