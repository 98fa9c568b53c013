"""Environments of their own for what is measured against, below .intermodal/bench, pinned; made once."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HOME = Path(__file__).parents[2] / ".intermodal" / "bench"
UV = Path(sys.executable).parent / "uv"
DONE = "installed"


class Unfit(Exception):
    """A peer that does not install or does not do the task, with the last line it said."""


def environment(name: str, requirements: Sequence[str]) -> Path:
    """The folder of a virtual environment with the requirements, compiled; Unfit when they cannot be had."""
    folder = HOME / name
    wanted = "\n".join([*requirements, "compiled"])
    if not (folder / DONE).is_file() or (folder / DONE).read_text() != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        run([str(UV), "venv", "-q", "--clear", "--python", sys.executable, str(folder)], folder)
        install = [str(UV), "pip", "install", "-q", "--compile-bytecode"]
        run([*install, "--python", str(folder / "bin" / "python"), *requirements], folder)
        (folder / DONE).write_text(wanted)
    return folder


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a process that is measured: with bytecode, without which each start of a peer would compile it anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | dict(more or {})


def run(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> None:
    """Unfit, with the last line that it said, when it fails."""
    done = subprocess.run(command, cwd=folder, env=variables(environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unfit(last_line(done.stderr or done.stdout))


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "said nothing"
