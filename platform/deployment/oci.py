"""The documents of an OCI image: layers, config, manifest and index, as canonical JSON with their digests.

https://github.com/opencontainers/image-spec. The same values always give the same bytes: keys are sorted, no time is
written, and nothing depends on the machine. Layers are gzip only and have one entry of history each, since Lambda
refuses others (https://github.com/bazel-contrib/rules_oci/issues/777).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.images import Attachment

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
GZIP_TYPES = (LAYER_TYPE, "application/vnd.docker.image.rootfs.diff.tar.gzip")
ARCHITECTURE, SYSTEM = "amd64", "linux"
CREATED = "1970-01-01T00:00:00Z"
"""A build has no time of its own, so that it has the same digest on another day."""
LAYOUT_FILE, LAYOUT = "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'
INDEX_FILE = "index.json"
MODEL_LABEL, VERSION_LABEL, DIGEST_LABEL = "io.intermodal.model", "io.intermodal.version", "io.intermodal.digest"
"""Labels of an image: its model, its version, and the digest of its package."""
WHITEOUT = ".wh."
"""What the name of a file begins with that deletes a file of lower layers
(https://github.com/opencontainers/image-spec/blob/main/layer.md)."""


def canonical_json(document: Any) -> bytes:
    """JSON with sorted keys and no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob_path(digest: str) -> str:
    """Where a blob is in an OCI layout. SpecError for what is not a SHA-256 digest, which could name any file."""
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise SpecError(f"'{digest}' is not a SHA-256 digest.")
    return f"blobs/sha256/{value}"


@dataclass(frozen=True)
class Layer:
    """One layer. ``name`` says what it holds, ``digest`` and ``size`` are of the compressed bytes, ``diff_id`` is the
    digest of the tar file inside."""

    name: str
    digest: str
    size: int
    diff_id: str

    def to_dict(self) -> dict[str, Any]:
        return {"mediaType": LAYER_TYPE, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class ImageConfig:
    """How the image starts. It names no user: platforms choose root or any other."""

    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    port: int = 8080
    working_folder: str = "/"

    def to_json(self) -> bytes:
        return canonical_json(
            {
                "architecture": ARCHITECTURE,
                "os": SYSTEM,
                "created": CREATED,
                "config": {
                    "Entrypoint": list(self.entrypoint),
                    "Env": [f"{name}={value}" for name, value in sorted(self.environment.items())],
                    "ExposedPorts": {f"{self.port}/tcp": {}},
                    "Labels": dict(self.labels),
                    "StopSignal": "SIGTERM",
                    "WorkingDir": self.working_folder,
                },
                "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
                "history": [{"created": CREATED, "created_by": f"intermodal: {layer.name}"} for layer in self.layers],
            }
        )


@dataclass(frozen=True)
class ImageManifest:
    """The document that the image's digest is of."""

    config: bytes
    layers: tuple[Layer, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": CONFIG_TYPE, "digest": digest_of(self.config), "size": len(self.config)},
            "layers": [layer.to_dict() for layer in self.layers],
        }
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return canonical_json(document)


def index_json(manifest: bytes) -> bytes:
    """``index.json`` of a layout with this one image. It belongs to the folder and is not pushed."""
    entry = {
        "mediaType": MANIFEST_TYPE,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "platform": {"architecture": ARCHITECTURE, "os": SYSTEM},
    }
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]})


@dataclass(frozen=True)
class ImageLayout:
    """An image in the OCI layout ``folder``: the digest of its manifest, the bytes of all blobs together, and its
    documents."""

    folder: Path
    digest: str
    size: int
    layers: tuple[Layer, ...]
    documents: tuple[Attachment, ...] = ()
