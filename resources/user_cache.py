"""Folders for what can be made again: layers of images, packages, programs."""

import os
from pathlib import Path


def user_cache(name: str, variable: str) -> Path:
    """The folder that the environment variable names, else ``intermodal/<name>`` in the user's cache
    (https://specifications.freedesktop.org/basedir-spec/latest)."""
    if chosen := os.environ.get(variable):
        return Path(chosen).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "intermodal" / name
