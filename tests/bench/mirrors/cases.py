"""What is copied: folders of files of one size, with random bytes, and one file of them that changes."""

import os
from dataclasses import dataclass
from pathlib import Path

from intermodal.platform.protocol.manifest import Manifest

BLOCK = 1 << 20


@dataclass(frozen=True)
class Case:
    """``files`` of ``size`` bytes each, measured in ``rounds``."""

    files: int
    size: int
    rounds: int

    def __str__(self) -> str:
        size = f"{self.size / 1e9:.0f} GB" if self.size >= 1e9 else f"{self.size / 1e6:g} MB"
        return f"{self.files:,} x {size if self.size >= 1e6 else f'{self.size / 1e3:.0f} kB'}"

    def write(self, folder: Path) -> None:
        for number in range(self.files):
            self._write(folder / f"{number % 100:02d}" / f"{number:05d}.bin")

    def change(self, folder: Path) -> None:
        """Other bytes, as many, in one file."""
        self._write(folder / "00" / "00000.bin")

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, self.size, BLOCK):
                file.write(os.urandom(min(BLOCK, self.size - start)))


def describe(source: Path, manifest: Path) -> None:
    """Write the manifest, as the version's registration does."""
    manifest.write_text(Manifest.of(source).to_json(), encoding="utf-8")


CASES = (Case(64, 4_000_000, 3), Case(10_000, 10_000, 2), Case(1, 2_000_000_000, 1))
SMALL = (Case(8, 4_000_000, 2), Case(200, 10_000, 2), Case(1, 100_000_000, 2))
