"""``python -m intermodal.sandbox.images.pull <site> <reference> <folder>``: fetch an image and unpack its layers.

A program of its own, as a container runtime is: it logs in as the official clients do, and the site's front, whose
registry it asks, goes on answering meanwhile.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intermodal.platform import catalogue
from intermodal.platform.deployment.image_signature import verify_in_registry
from intermodal.platform.deployment.oci import blob_path
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.protocol.keys import Key, from_variables
from intermodal.platform.targets import parse_site
from intermodal.resources.images.unpack import extract, unpack, verified

LAYOUT, LAYERS, IMAGES = "layout", "layers", "images"
"""Below the folder: what was fetched, each layer's files by its digest, and a document for each image."""


def pull(site: str, reference: str, folder: Path, trusted: Sequence[Key] = ()) -> None:
    """Write the image's document, unless it is there: its config, and the layers to stack. Every blob is verified. A
    layer is fetched and unpacked once for all images of the site. IntermodalError says what the registry lacks.
    UntrustedPackage unless one of the keys ``trusted`` signed the image; without keys nothing is verified."""
    name, _, digest = reference.partition("@")
    document = document_path(folder, digest)
    registry = catalogue.images_adapter(parse_site(site).cloud).of(parse_site(site))
    host = str(registry.address.host)  # type: ignore[attr-defined]  # the sandbox's clouds have one
    if not name.startswith(f"{host}/"):
        raise NotFound(f"{site} pulls from {host} only, not '{reference}'.")
    if trusted:
        verify_in_registry(registry, name.removeprefix(f"{host}/"), digest, trusted)
    if document.is_file():
        return
    layout = folder / LAYOUT
    registry.pull(name.removeprefix(f"{host}/"), digest, layout)
    manifest = json.loads(verified(layout, digest).read_bytes())
    config = json.loads(verified(layout, manifest["config"]["digest"]).read_bytes())
    found: dict[str, Any] = {"config": config["config"], "layers": _layers(layout, folder / LAYERS, digest, manifest)}
    document.parent.mkdir(parents=True, exist_ok=True)
    fresh = document.with_suffix(".new")
    fresh.write_text(json.dumps(found), encoding="utf-8")
    fresh.replace(document)


def document_path(folder: Path, digest: str) -> Path:
    return folder / IMAGES / f"{digest.removeprefix('sha256:')}.json"


def _layers(layout: Path, home: Path, digest: str, manifest: Any) -> list[str]:
    """Names of folders below ``home``, the topmost layer first. An image with a layer that deletes files of others is
    unpacked as a whole."""
    home.mkdir(parents=True, exist_ok=True)
    named = [Path(blob_path(layer["digest"])).name for layer in manifest["layers"]]
    for name in dict.fromkeys(named):
        if (home / name).is_dir():
            continue
        fresh = _fresh(home, name)
        fresh.mkdir()
        if extract(verified(layout, f"sha256:{name}"), fresh):
            shutil.rmtree(fresh)
            whole = Path(blob_path(digest)).name
            unpack(layout, digest, _fresh(home, whole))
            _fresh(home, whole, keep=True).rename(home / whole)
            return [whole]
        fresh.rename(home / name)
    return named[::-1]


def _fresh(home: Path, name: str, *, keep: bool = False) -> Path:
    """Where it is unpacked; what a pull left that was killed is removed."""
    path = home / f".{name}"
    if not keep:
        shutil.rmtree(path, ignore_errors=True)
    return path


if __name__ == "__main__":
    try:
        pull(sys.argv[1], sys.argv[2], Path(sys.argv[3]), from_variables(os.environ))
    except IntermodalError as error:
        sys.exit(error.message)
