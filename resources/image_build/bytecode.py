"""Bytecode in the image: a read-only container cannot write it, and without it the server needs 2.5 times the CPU to
start."""

import shutil
import subprocess
import sys
from pathlib import Path

from intermodal.platform.errors import IntermodalError

VERSION = "3.11"
"""Of the Python inside the image."""


def compiler() -> tuple[str, str]:
    """An interpreter of the image's Python version on this machine, and its exact version. IntermodalError if none."""
    name = f"python{VERSION}"
    path = sys.executable if f"{sys.version_info[0]}.{sys.version_info[1]}" == VERSION else shutil.which(name)
    if path is None:
        raise IntermodalError(
            f"Building an image needs {name}, which writes the bytecode in it.", hint=f"Install {name}."
        )
    return path, subprocess.run([path, "-V"], capture_output=True, text=True, check=True).stdout.strip()


def compile_folder(folder: Path, path: str, interpreter: str) -> None:
    """Compile every module below ``folder``, which will be ``/path`` in the image.

    The bytecode names the image's paths and is never compared with its source (PEP 552, unchecked hash), so it has no
    time in it. A module that does not compile (a template, a test of syntax errors) stays without.
    """
    command = [interpreter, "-s", "-S", "-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run(
        [*command, "-s", str(folder), "-p", f"/{path}", str(folder)],
        env={"PYTHONHASHSEED": "0"},
        check=False,
        stdout=subprocess.DEVNULL,
    )
