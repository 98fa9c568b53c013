"""Where the model is, by the rule of CONTRACTS.md: each cloud mounts it somewhere else."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.serving.errors import StartError

PLACES = ("/opt/ml/model", "AIP_STORAGE_URI", "AZUREML_MODEL_DIR", "MODEL_URI", "/model")
"""In order; a name without '/' is an environment variable that holds a path or a file:// URI."""

DEPTHS = (DESCRIPTOR, f"*/{DESCRIPTOR}", f"*/*/{DESCRIPTOR}")
"""Azure ML mounts <name>/<version>/<folder> and may point at any of them."""


def find_models(environment: Mapping[str, str], root: Path = Path("/")) -> list[Path]:
    """The folders of the descriptors in the first place that has any; absolute paths are looked up below ``root``.

    A place that is empty is passed over: SageMaker makes /opt/ml/model even for an image with its model inside.
    StartError lists the places when none has a model, and says so when one is remote.
    """
    tried = []
    for place in PLACES:
        text = place if place.startswith("/") else environment.get(place, "")
        if not text:
            tried.append(f"{place} (not set)")
            continue
        path = _local(place, text)
        folder = root / path.lstrip("/") if path.startswith("/") else Path(path)
        if found := _packages(folder):
            return found
        tried.append(str(folder) if place.startswith("/") else f"{place}={folder}")
    raise StartError(f"No {DESCRIPTOR} found in: {', '.join(tried)}.", hint="Mount a packaged model at one of them.")


def _local(place: str, text: str) -> str:
    if "://" not in text:
        return text
    uri = urlsplit(text)
    if uri.scheme == "file" and uri.netloc in ("", "localhost"):
        return unquote(uri.path)
    raise StartError(
        f"{place} is the remote address {text}, and this image holds no cloud's SDK.",
        hint="Mount the model as a folder, or bake it in at /model.",
    )


def _packages(folder: Path) -> list[Path]:
    for pattern in DEPTHS:
        if found := sorted(folder.glob(pattern)):
            return [path.parent for path in found]
    return []
