"""Unpack an image from an OCI layout into a folder, with every blob verified first."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from intermodal.platform.deployment.oci import WHITEOUT, blob_path
from intermodal.platform.errors import IntermodalError
from intermodal.platform.protocol.manifest import sha256_of

OPAQUE = ".wh..wh..opq"
"""It deletes everything that lower layers have in its folder."""


def unpack(layout: Path, digest: str, root: Path) -> dict[str, Any]:
    """Write the file tree of the image into the new folder ``root`` and return its config document."""
    manifest = json.loads(verified(layout, digest).read_bytes())
    config: dict[str, Any] = json.loads(verified(layout, manifest["config"]["digest"]).read_bytes())
    root.mkdir(parents=True)
    for layer in manifest["layers"]:
        extract(verified(layout, layer["digest"]), root)
    return config


def verified(layout: Path, digest: str) -> Path:
    """The file of a blob. IntermodalError when it is missing or has other bytes than its digest says."""
    path = layout / blob_path(digest)
    if not path.is_file() or f"sha256:{sha256_of(path)}" != digest:
        raise IntermodalError(f"The blob {digest} in {layout} is missing or damaged.", hint="Pull the image again.")
    return path


def extract(blob: Path, root: Path) -> bool:
    """Write the layer's files over what ``root`` has. Whether the layer deletes files of lower ones."""
    deletes = False
    with tarfile.open(blob, "r:gz") as tar:
        for info in tar:
            path = root / info.name
            deletes |= path.name.startswith(WHITEOUT)
            if path.name == OPAQUE:
                for child in path.parent.iterdir():
                    _remove(child)
            elif path.name.startswith(WHITEOUT):
                _remove(path.with_name(path.name.removeprefix(WHITEOUT)))
            else:
                if path.is_symlink() or (path.exists() and not info.isdir()):
                    _remove(path)
                tar.extract(info, root, filter=_safe)
    return deletes


def _safe(info: tarfile.TarInfo, root: str) -> tarfile.TarInfo:
    """Nothing outside of the folder and no setuid bit; the mode is the image's."""
    return tarfile.tar_filter(info, root).replace(mode=info.mode & 0o1777)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
