"""Select the runtime of a model by its package's format. Formats are entry points (docs/adr/0029)."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import ClassVar, Protocol

from intermodal.platform.protocol.package import Package
from intermodal.serving.errors import StartError, join_names
from intermodal.serving.protocol.table import Table

GROUP = "intermodal.runtimes"


class Runtime(Protocol):
    """A loaded model. ``predict`` may be called from several threads at once."""

    @property
    def inline_rows(self) -> int:
        """The most rows that are predicted in the event loop. More rows go to a thread."""

    @property
    def predict_numbers(self) -> Callable[[bytes, int], list[float]] | None:
        """Predict from ``Table.numbers`` and the count of rows. None when the model needs more than numbers."""

    def predict(self, table: Table) -> list[float]:
        """The outputs row by row: rows x width numbers. The table has at least one row."""


class RuntimeClass(Protocol):
    """What a server needs of the class behind an entry point. ``platform.catalogue.RuntimeAdapter`` has all of it."""

    holds_code: ClassVar[bool]
    """Whether reading the file may run code that it holds, as a pickle does."""

    def __call__(self, package: Package, folder: Path) -> Runtime:
        """Load the model. StartError or MissingExtra when that fails."""


@cache
def adapters() -> Mapping[str, EntryPoint]:
    """The installed formats by name; nothing is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def adapter(folder: Path, format: str) -> RuntimeClass:
    """The class of a package's format. StartError lists the known formats."""
    if format not in adapters():
        raise StartError(
            f"{folder}: unknown format '{format}'.", hint=f"This server knows: {join_names(adapters()) or 'none'}."
        )
    found: RuntimeClass = adapters()[format].load()
    return found


def load(package: Package, folder: Path) -> Runtime:
    """Load the model's file. Raises StartError with the reason when that fails."""
    if not (folder / package.file).is_file():
        raise StartError(f"{folder} has no file '{package.file}', which its descriptor names.")
    return adapter(folder, package.format)(package, folder)
