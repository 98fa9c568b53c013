"""Lists as tables, which ``kubectl get`` prints: the columns of the API server's own printers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from intermodal.sandbox.kubernetes import selectors
from intermodal.sandbox.kubernetes.resources import Resource

Document = dict[str, Any]
Column = tuple[str, str, Callable[[Document], Any]]
"""Heading, type (an upper-case one appears in ``-o wide`` alone), and value."""


def accepts_table(accept: str) -> bool:
    parts = [part.replace(" ", "").split(";") for part in accept.split(",")]
    return any("as=Table" in part and "v=v1" in part for part in parts)


def _at(*path: str, default: Any = "<none>") -> Callable[[Document], Any]:
    def value(document: Document) -> Any:
        found: Any = document
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        return default if found is None else found

    return value


def human(seconds: float) -> str:
    """Short, as ``duration.HumanDuration``: two units while the first is small."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"


def _since(*path: str) -> Callable[[Document], str]:
    def value(document: Document) -> str:
        text = _at(*path, default="")(document)
        if not text:
            return "<unknown>"
        return human((datetime.now(UTC) - datetime.fromisoformat(text)).total_seconds())

    return value


def _containers(document: Document) -> list[Document]:
    spec = document["spec"].get("template", document).get("spec") or {}
    return list(spec.get("containers") or [])


def _joined(field: str) -> Callable[[Document], str]:
    return lambda document: ",".join(container.get(field, "") for container in _containers(document))


def _ready_of_deployment(document: Document) -> str:
    return f"{_at('status', 'readyReplicas', default=0)(document)}/{document['spec']['replicas']}"


def _pod_statuses(document: Document) -> list[Document]:
    return list((document.get("status") or {}).get("containerStatuses") or [])


def _pod_ready(document: Document) -> str:
    ready = sum(bool(status.get("ready")) for status in _pod_statuses(document))
    return f"{ready}/{len(_containers(document))}"


def _pod_status(document: Document) -> str:
    if document["metadata"].get("deletionTimestamp"):
        return "Terminating"
    text = _at("status", "reason", default=_at("status", "phase", default="Unknown")(document))(document)
    for status in _pod_statuses(document):
        state = status.get("state") or {}
        text = (state.get("waiting") or state.get("terminated") or {}).get("reason") or text
    return str(text)


def _ports(document: Document) -> str:
    text = []
    for port in document["spec"].get("ports") or []:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        text.append(f"{port['port']}{node}/{port['protocol']}")
    return ",".join(text) or "<none>"


def _selector(document: Document) -> str:
    selector = document["spec"].get("selector") or {}
    plain = {"matchLabels": selector} if document["kind"] == "Service" else selector
    return selectors.as_text(plain) or "<none>"


def _job_status(document: Document) -> str:
    for condition in _at("status", "conditions", default=[])(document):
        if condition.get("status") == "True" and condition["type"] in ("Complete", "Failed", "Suspended"):
            return str(condition["type"])
    return "Terminating" if document["metadata"].get("deletionTimestamp") else "Running"


def _completions(document: Document) -> str:
    return f"{_at('status', 'succeeded', default=0)(document)}/{document['spec'].get('completions', 1)}"


def _reference(document: Document) -> str:
    return "{kind}/{name}".format(**document["spec"]["scaleTargetRef"])


def _about(document: Document) -> str:
    involved = document.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


_NAME: Column = ("Name", "string", _at("metadata", "name"))
_AGE: Column = ("Age", "string", _since("metadata", "creationTimestamp"))
_IMAGES: tuple[Column, ...] = (("Containers", "STRING", _joined("name")), ("Images", "STRING", _joined("image")))
_COUNT = _at("data", default={})
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "Deployment": (
        _NAME, ("Ready", "string", _ready_of_deployment),
        ("Up-to-date", "integer", _at("status", "updatedReplicas", default=0)),
        ("Available", "integer", _at("status", "availableReplicas", default=0)), _AGE, *_IMAGES,
        ("Selector", "STRING", _selector),
    ),
    "ReplicaSet": (
        _NAME, ("Desired", "integer", _at("spec", "replicas")),
        ("Current", "integer", _at("status", "replicas", default=0)),
        ("Ready", "integer", _at("status", "readyReplicas", default=0)), _AGE, *_IMAGES,
        ("Selector", "STRING", _selector),
    ),
    "Pod": (
        _NAME, ("Ready", "string", _pod_ready), ("Status", "string", _pod_status),
        ("Restarts", "string", lambda pod: str(sum(item.get("restartCount", 0) for item in _pod_statuses(pod)))),
        _AGE, ("IP", "STRING", _at("status", "podIP")), ("Node", "STRING", _at("spec", "nodeName")),
    ),
    "Service": (
        _NAME, ("Type", "string", _at("spec", "type")), ("Cluster-IP", "string", _at("spec", "clusterIP")),
        ("External-IP", "string", _at("spec", "externalName")), ("Port(s)", "string", _ports), _AGE,
        ("Selector", "STRING", _selector),
    ),
    "ConfigMap": (_NAME, ("Data", "integer", lambda item: len(_COUNT(item))), _AGE),
    "Secret": (_NAME, ("Type", "string", _at("type")), ("Data", "integer", lambda item: len(_COUNT(item))), _AGE),
    "Namespace": (_NAME, ("Status", "string", _at("status", "phase")), _AGE),
    "Job": (_NAME, ("Status", "string", _job_status), ("Completions", "string", _completions), _AGE, *_IMAGES),
    "HorizontalPodAutoscaler": (
        _NAME, ("Reference", "string", _reference), ("MinPods", "string", _at("spec", "minReplicas")),
        ("MaxPods", "integer", _at("spec", "maxReplicas")),
        ("Replicas", "integer", _at("status", "currentReplicas", default=0)), _AGE,
    ),
    "PodDisruptionBudget": (
        _NAME, ("Min Available", "string", _at("spec", "minAvailable", default="N/A")),
        ("Max Unavailable", "string", _at("spec", "maxUnavailable", default="N/A")),
        ("Allowed Disruptions", "integer", _at("status", "disruptionsAllowed", default=0)), _AGE,
    ),
    "Event": (
        ("Last Seen", "string", _since("lastTimestamp")), ("Type", "string", _at("type")),
        ("Reason", "string", _at("reason")), ("Object", "string", _about), ("Message", "string", _at("message")),
    ),
    "Lease": (_NAME, ("Holder", "string", _at("spec", "holderIdentity", default="")), _AGE),
}  # fmt: skip


def table(resource: Resource, items: list[Document], metadata: Document, include: str = "Metadata") -> Document:
    """``include`` says what of each object a row carries: Metadata, Object or None."""
    columns = _COLUMNS.get(resource.kind, (_NAME, _AGE))
    definitions = [
        {
            "name": heading,
            "type": kind.lower(),
            "format": "name" if heading == "Name" else "",
            "description": "",
            "priority": int(kind.isupper()),
        }
        for heading, kind, _ in columns
    ]
    named = {"kind": resource.kind, "apiVersion": resource.api_version}
    rows: list[Document] = []
    for item in items:
        document = named | item
        row: Document = {"cells": [value(document) for _, _, value in columns]}
        if include == "Object":
            row["object"] = document
        elif include != "None":
            row["object"] = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"} | {
                "metadata": item["metadata"]
            }
        rows.append(row)
    kind = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return kind | {"columnDefinitions": definitions, "rows": rows}
