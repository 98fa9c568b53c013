"""Tags under Kubernetes' rules for labels, and the labels by which objects are found.

A label's value has at most 63 characters, of the alphabet ``[A-Za-z0-9_.-]``, and begins and ends with a letter or a
digit (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels). So each tag is a label, from which
bills are made, and all tags are unchanged in one annotation, from which they are read back.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from intermodal.platform.ports.endpoints import VERSION_TAG

TAGS_ANNOTATION = "intermodal/tags"
NAME_LABEL, INSTANCE_LABEL = "app.kubernetes.io/name", "app.kubernetes.io/instance"
SERVER = "intermodal-server"
MANAGED = {"app.kubernetes.io/managed-by": "intermodal"}
LENGTH, HASH_LENGTH = 63, 12
_VALID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_HASHED = re.compile(rf"-[0-9a-f]{{{HASH_LENGTH}}}\Z")


def label_text(text: str) -> str:
    """A tag's key or value as a label's. Two texts stay two: one that is no label, or ends as if in a hash, gets a hash
    of the whole."""
    if _VALID.fullmatch(text) and not _HASHED.search(text):
        return text
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", text)[: LENGTH - HASH_LENGTH - 1].strip("_.-") or "x"
    return f"{plain}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:HASH_LENGTH]}"


def tag_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """A label for each tag. No key has a prefix, so none is one of Kubernetes' own."""
    return {label_text(key): label_text(value) for key, value in tags.items()}


def selector(name: str) -> dict[str, str]:
    """The labels of an endpoint's pods. A Deployment's selector cannot be changed, so nothing here depends on more than
    the name."""
    return {NAME_LABEL: SERVER, INSTANCE_LABEL: name}


def metadata(name: str, namespace: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Of each object of an endpoint. https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels"""
    recommended = {
        **selector(name),
        "app.kubernetes.io/version": label_text(tags.get(VERSION_TAG, "")),
        "app.kubernetes.io/component": "endpoint",
        "app.kubernetes.io/part-of": "intermodal",
        **MANAGED,
    }
    return {
        "name": name,
        "namespace": namespace,
        "labels": {**tag_labels(tags), **recommended},
        "annotations": {TAGS_ANNOTATION: json.dumps(dict(tags), sort_keys=True)},
    }


def tags_of(document: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an object; none of one that is not Intermodal's."""
    try:
        found = json.loads(document["metadata"].get("annotations", {}).get(TAGS_ANNOTATION, ""))
    except ValueError:
        return {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}
