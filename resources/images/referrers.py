"""Documents beside an image, as OCI referrers: their manifests, and the list of them.

Where a registry has no referrers API, clients keep the list under a tag, ``sha256-<hex of the image's digest>``:
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
"""

import json
from typing import Any

from intermodal.platform.deployment.oci import INDEX_TYPE, MANIFEST_TYPE, canonical_json, digest_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.images import Attached, Attachment

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
NO_ENTRIES = b'{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}'


def fallback_tag(digest: str) -> str:
    return digest.replace(":", "-", 1)


def manifest(attachment: Attachment, digest: str, image: bytes) -> bytes:
    """The document's own manifest, equal for equal documents. ``image`` is the raw manifest whose digest it names."""
    media_type = json.loads(image).get("mediaType", MANIFEST_TYPE)
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": attachment.kind,
            "config": _descriptor(EMPTY_TYPE, EMPTY),
            "layers": [_descriptor(attachment.kind, attachment.data)],
            "subject": {"mediaType": media_type, "digest": digest, "size": len(image)},
            "annotations": dict(attachment.annotations),
        }
    )


def with_entry(index: bytes, attachment: Attachment, raw: bytes) -> bytes:
    """The list with the document whose manifest is ``raw``."""
    found = json.loads(index)
    entry = {
        **_descriptor(MANIFEST_TYPE, raw),
        "artifactType": attachment.kind,
        "annotations": dict(attachment.annotations),
    }
    return canonical_json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [*found["manifests"], entry]})


def attached(index: bytes, tag: str = "") -> tuple[Attached, ...]:
    try:
        listed = json.loads(index)["manifests"]
        return tuple(
            Attached(str(each.get("artifactType", "")), str(each["digest"]), tag, dict(each.get("annotations") or {}))
            for each in listed
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntermodalError(f"The registry's list of documents is damaged ({tag or 'referrers'}).") from error


def document_digest(raw: bytes) -> str:
    """Of the one layer of a document's manifest."""
    try:
        (layer,) = json.loads(raw)["layers"]
        return str(layer["digest"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntermodalError("This manifest is not that of a document beside an image.") from error


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
