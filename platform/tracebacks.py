"""Where an error was raised, for a person who wrote only some of the files of its traceback."""

import traceback
from pathlib import Path


def innermost_line(error: BaseException, folder: Path) -> str:
    """``<file>:<line>`` of the innermost step in ``folder``, or in that file: below it are libraries. '' if there is
    none."""
    own = folder.resolve()
    for step in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(step.filename).resolve()
        if own in (file, *file.parents):
            return f"{file}:{step.lineno}"
    return ""
