"""The /scale of a Deployment or ReplicaSet: autoscaling/v1 Scale."""

from typing import Any

from intermodal.sandbox.kubernetes import selectors
from intermodal.sandbox.kubernetes.errors import bad_request

Document = dict[str, Any]


def scale_of(document: Document) -> Document:
    metadata, spec = document["metadata"], document["spec"]
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Document = {"replicas": document.get("status", {}).get("replicas", 0)}
    if text := selectors.as_text(spec.get("selector") or {}):
        status["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in names if name in metadata},
        "spec": {"replicas": spec["replicas"]} if spec["replicas"] else {},
        "status": status,
    }


def scaled(document: Document, scale: Document) -> Document:
    """The object with the replicas, and the expected version, of a Scale."""
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if not isinstance(replicas, int):
        raise bad_request("Scale: spec.replicas must be an integer")
    document["spec"]["replicas"] = replicas
    if version := (scale.get("metadata") or {}).get("resourceVersion"):
        document["metadata"]["resourceVersion"] = version
    return document
