"""Files that are whole or not there: written beside, synced, and renamed onto the name."""

import os
import tempfile
import time
from pathlib import Path

DAMAGED = "surrogateescape"
"""What is no UTF-8 is read, and put back, as it is."""
LEFTOVER_SECONDS = 600.0
"""A file that is still beside its own after so long has no writer any more: ``write`` needs a fraction of a second."""


def write(path: Path, text: str) -> bool:
    """Write ``text`` for the owner's eyes only (0600); False, and nothing touched, when the file already has it."""
    if read(path) == text:
        return False
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors=DAMAGED) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    sync(path.parent)
    return True


def read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors=DAMAGED)
    except FileNotFoundError:
        return None


def put_back(path: Path, text: str | None) -> None:
    """Undo: the file has ``text`` again, or is gone when there was none."""
    if text is not None:
        write(path, text)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what ``write`` left in the folder when it was killed: for a thousand models, up to 25 MB each time."""
    for path in folder.glob(".*.????????"):
        try:
            if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                path.unlink(missing_ok=True)
        except FileNotFoundError:  # renamed since
            continue


def sync(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
