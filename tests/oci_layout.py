"""A small OCI layout for tests, as an image builder writes it: ``index.json`` and ``blobs/sha256``."""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intermodal.platform.deployment.oci import INDEX_TYPE, MANIFEST_TYPE, MODEL_LABEL

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"


def noise(seed: int, size: int = 200_000) -> bytes:
    return random.Random(seed).randbytes(size)


def build(folder: Path, layers: Sequence[bytes], model: str = "") -> Path:
    """One linux/amd64 image with a layer for each of ``layers``, which has one file with these bytes. ``model`` is a
    label."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(media_type: str, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    tars = [_tar(f"file-{number}", data) for number, data in enumerate(layers)]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/file-0"], **({"Labels": {MODEL_LABEL: model}} if model else {})},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]},
        "history": [{"created_by": "tests"} for _ in tars],
    }
    described = [add(LAYER_TYPE, gzip.compress(tar, mtime=0)) for tar in tars]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": add(CONFIG_TYPE, json.dumps(config).encode()),
        "layers": described,
    }
    # With spaces and line ends: a client that writes it anew would change its digest.
    top = add(MANIFEST_TYPE, json.dumps(manifest, indent=3).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', "utf-8")
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [top]}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")
    return folder


def _tar(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
