"""The packaged server on a package that no target has yet: training starts it on every candidate."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

Answer = Callable[[bytes], bytes]
"""A body of the Open Inference Protocol V2 → the body of the answer. SpecError has the server's own sentence when it
does not take the rows; IntermodalError when it does not answer."""


class PackageServer(Protocol):
    """The server that endpoints run, in a process of its own and without the project's code."""

    def start(self, folder: Path, model: str) -> AbstractContextManager[Answer]:
        """Start on the package in ``folder``, wait until it is ready, and end it on exit. IntermodalError has the
        server's own sentence when it does not become ready."""
