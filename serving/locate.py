"""Find the packages to serve, at the locations of contract.py."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.contract import MODEL_DEPTH, MODEL_LOCATIONS, Rule
from intermodal.serving.errors import StartError

PATTERNS = tuple("*/" * depth + DESCRIPTOR for depth in range(MODEL_DEPTH + 1))
"""Where a descriptor may be below a location, nearest first."""


def find_models(environment: Mapping[str, str], root: Path = Path("/")) -> list[Path]:
    """The folders of all packages at the first location that has any. Absolute paths are looked up below ``root``.

    Raises StartError with the list of locations when none has a package, or when a location is a remote address.
    """
    tried = []
    for location in MODEL_LOCATIONS:
        text = location.value(environment)
        if not text:
            tried.append(f"{location.name} (not set)")
            continue
        path = _local_path(location, text)
        folder = root / path.lstrip("/") if path.startswith("/") else Path(path)
        if packages := _packages(folder):
            return packages
        tried.append(str(folder) if location.name.startswith("/") else f"{location.name}={folder}")
    raise StartError(f"No {DESCRIPTOR} found in: {', '.join(tried)}.", hint="Mount a packaged model at one of them.")


def _local_path(location: Rule, text: str) -> str:
    if "://" not in text:
        return text
    uri = urlsplit(text)
    if uri.scheme == "file" and uri.netloc in ("", "localhost"):
        return unquote(uri.path)
    raise StartError(
        f"{location.name} is the remote address {text}, and this image holds no cloud's SDK.",
        hint="Mount the model as a folder, or bake it in at /model.",
    )


def _packages(folder: Path) -> list[Path]:
    for pattern in PATTERNS:
        if descriptors := sorted(folder.glob(pattern)):
            return [path.parent for path in descriptors]
    return []
