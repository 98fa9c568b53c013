"""Start an unpacked image: its layers as the root of a process, read-only, in mounts of its own.

There is no engine. A container of runc begins a session of its own, so the outage of a site, which kills the site's
process group, would not end it; a chroot stays in the group, and starts as fast.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from intermodal.sandbox.images.pull import LAYERS, document_path

MOUNT, NO_FILES = "mount", "nothing"
CHROOT = """
set -e
cd "$1"
lower=$2 root=$3
shift 3
mount -t overlay -o "ro,lowerdir=$lower" overlay "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
"""
"""Files that the platform mounts (a model) lie over the image's. Every step replaces the process, so that it is the
server that gets the signals."""
WAYS: Mapping[str, Sequence[str]] = {
    "chroot": ("--mount",),
    "chroot in a user namespace": ("--map-root-user", "--mount"),
}
"""``unshare``'s arguments. Root has no need of a user namespace."""
PROBE_SECONDS = 60


@dataclass(frozen=True)
class Image:
    """An image that was pulled into ``folder``. ``layers`` are names of folders, ``way`` says how it is run."""

    folder: Path
    layers: tuple[str, ...]
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    way: str

    @classmethod
    def read(cls, folder: Path, digest: str) -> "Image":
        """OSError with the reason when it cannot be run here."""
        document = json.loads(document_path(folder, digest).read_text(encoding="utf-8"))
        layers, entrypoint = tuple(document["layers"]), tuple(document["config"]["Entrypoint"])
        environment = dict(text.split("=", 1) for text in document["config"]["Env"])
        return cls(folder, layers, entrypoint, environment, way_for(folder, layers, entrypoint[0]))

    def command(self, files: Path, arguments: Sequence[str], *, entrypoint: bool = True) -> list[str]:
        """Without ``entrypoint``, the arguments are the whole command."""
        program = self.entrypoint if entrypoint else ()
        return _command(self.way, self.folder, files, self.layers, [*program, *arguments])


def _command(way: str, folder: Path, files: Path, layers: Sequence[str], command: Sequence[str]) -> list[str]:
    mount = folder / MOUNT
    mount.mkdir(exist_ok=True)
    unshare = [shutil.which("unshare") or "unshare", *WAYS[way], "sh", "-c", CHROOT, "sh"]
    return [*unshare, str(folder / LAYERS), ":".join([str(files), *layers]), str(mount), *command]


@cache
def way_for(folder: Path, layers: Sequence[str], python: str) -> str:
    """The first way that starts the image's own Python."""
    reasons, nothing = [], folder / NO_FILES
    nothing.mkdir(exist_ok=True)
    for way in sorted(WAYS, reverse=os.geteuid() != 0):
        try:
            done = subprocess.run(
                _command(way, folder, nothing, layers, [python, "-c", ""]),
                capture_output=True, text=True, check=False, timeout=PROBE_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(f"{way}: {error}")
            continue
        if not done.returncode:
            return way
        reasons.append(f"{way}: {done.stderr.strip()[-200:]}")
    raise OSError(f"an image cannot be run here: {'; '.join(reasons)}")
