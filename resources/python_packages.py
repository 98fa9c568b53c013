"""Python packages by uv: the locks that this release ships, and installation from a lock.

Only wheels are taken, so that nothing is built or run here, and nothing beyond the lock is installed.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from intermodal.platform.errors import IntermodalError

logger = logging.getLogger(__name__)

PLATFORM = "x86_64-manylinux_2_28"
"""Wheels for glibc 2.28 and newer. The base has 2.36."""
COMPILE = "UV_COMPILE_BYTECODE"
"""Makes uv write bytecode with the times of files, which differ from one installation to the next."""
PROGRAMS = "bin"
"""Scripts start with the path of the interpreter that installed them, which the image does not have."""


def shipped_locks() -> dict[str, Path]:
    """The locks that this release has, by format."""
    spec = find_spec("intermodal.deploy")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    found = [path for folder in folders for path in Path(folder, "docker").glob("requirements-*.txt")]
    return {path.stem.removeprefix("requirements-"): path for path in found}


def install(lock: Path, folder: Path, options: Sequence[str] = ()) -> None:
    """Install wheels of exactly this lock into ``folder``, without programs. IntermodalError has uv's own words."""
    logger.info("installing %s ...", lock.name)
    done = subprocess.run(
        [
            *(uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(folder)),
            *(*options, "--only-binary", ":all:"),
            *("--no-deps", "--require-hashes", "--no-compile-bytecode", "--link-mode", "copy", "-r", str(lock)),
        ],
        env={name: value for name, value in os.environ.items() if name != COMPILE},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise IntermodalError(f"The packages of {lock.name} cannot be installed: {done.stderr.strip()}")
    shutil.rmtree(folder / PROGRAMS, ignore_errors=True)


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    path = str(beside) if beside.is_file() else shutil.which("uv")
    if path is None:
        raise IntermodalError(
            "Locking and installing packages needs uv, which is not installed.", hint="Run: pip install uv"
        )
    return path
