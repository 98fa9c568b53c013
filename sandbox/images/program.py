"""docker-registry, the reference implementation of the OCI distribution API, as Debian packages it.

``python -m intermodal.sandbox.images.program install`` fetches the package with apt and unpacks it into a folder, so
nothing is installed into the system and no right of root is needed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from intermodal.platform.errors import IntermodalError
from intermodal.resources.user_cache import user_cache

HERE = Path(__file__).resolve().parent
NAME, TOOLS = "docker-registry", "INTERMODAL_TOOLS"
HINT = f"Run: python -m intermodal.sandbox.images.program install; or put a program '{NAME}' on the PATH."
SECONDS = 120
ATTEMPTS: tuple[tuple[str, ...], ...] = ((), ("update", "-qq"))
"""What apt-get does before each try to download: its lists may be missing or old."""


def folder() -> Path:
    """Where programs of the sandbox are unpacked: ``.intermodal/tools`` of the checkout; for an installed package, a
    cache of the user's. INTERMODAL_TOOLS names another one."""
    in_checkout = (HERE.parents[1] / "pyproject.toml").is_file() and not os.environ.get(TOOLS)
    return HERE.parents[1] / ".intermodal" / "tools" if in_checkout else user_cache("tools", TOOLS)


def find() -> str:
    """The program's path; IntermodalError, with what to do, when it is not here."""
    own = folder() / NAME
    if own.is_file():
        return str(own)
    if found := shutil.which(NAME):
        return found
    raise IntermodalError(f"{NAME} is not installed, so this site has no image registry.", hint=HINT)


def install() -> str:
    """Fetch and unpack it where it is not here; its path. IntermodalError with apt's own words when that fails."""
    try:
        return find()
    except IntermodalError:
        pass
    for needed in ("apt-get", "dpkg-deb"):
        if not shutil.which(needed):
            raise IntermodalError(
                f"{NAME} cannot be fetched: there is no {needed} here.",
                hint=f"On a system other than Debian's family, put a program '{NAME}' (2.8 or newer) on the PATH.",
            )
    target = folder() / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{NAME}-") as scratch:
        unpacked = _download(Path(scratch))
        (unpacked / "usr" / "bin" / NAME).replace(target)
    return str(target)


def _download(folder: Path) -> Path:
    """The unpacked package's folder."""
    words = ""
    for before in ATTEMPTS:
        if before:
            _run("apt-get", *before, folder=folder)
        failed, words = _run("apt-get", "-qq", "download", NAME, folder=folder)
        packages = list(folder.glob("*.deb"))
        if not failed and packages:
            failed, words = _run("dpkg-deb", "-x", str(packages[0]), "unpacked", folder=folder)
            if not failed:
                return folder / "unpacked"
    raise IntermodalError(f"apt could not fetch {NAME}: {words[-1000:]}", hint="Is a package archive in reach?")


def _run(*command: str, folder: Path) -> tuple[bool, str]:
    """Whether it failed, and what it wrote."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True, f"{command[0]} took more than {SECONDS} s"
    return done.returncode != 0, done.stdout.strip()


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m intermodal.sandbox.images.program install")
    try:
        print(f"{NAME}: {install()}")  # noqa: T201
    except IntermodalError as error:
        sys.exit(str(error))
