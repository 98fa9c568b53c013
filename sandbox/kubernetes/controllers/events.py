"""Events about objects, counted where the same is said again; they are forgotten after an hour, as in a cluster."""

import uuid

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers.parts import seconds_since
from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import EVENT
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Document

LIFE_SECONDS = 3600


class Recorder:
    """``component`` is the part of a cluster that speaks: ``kubelet``, ``deployment-controller`` and so on."""

    def __init__(self, objects: Objects, component: str) -> None:
        self._objects, self._component = objects, component

    def normal(self, about: Document, reason: str, message: str, field: str = "") -> None:
        self._record(about, "Normal", reason, message, field)

    def warning(self, about: Document, reason: str, message: str, field: str = "") -> None:
        self._record(about, "Warning", reason, message, field)

    def _record(self, about: Document, kind: str, reason: str, message: str, field: str) -> None:
        metadata, now = about["metadata"], identity.now()
        namespace = metadata.get("namespace") or "default"
        involved = {
            "kind": about["kind"], "apiVersion": about["apiVersion"], "name": metadata["name"],
            "namespace": metadata.get("namespace", ""), "uid": metadata["uid"], "fieldPath": field,
        }  # fmt: skip
        involved = {name: value for name, value in involved.items() if value}
        about = {"involvedObject": involved, "reason": reason, "message": message, "type": kind}
        for event in self._objects.list(EVENT, Filter(namespace)):
            if all(event.get(name) == value for name, value in about.items()):
                counted = event | {"count": event.get("count", 1) + 1, "lastTimestamp": now}
                self._objects.update(EVENT, counted)
                return
            if seconds_since(event["lastTimestamp"]) > LIFE_SECONDS:
                self._objects.delete(EVENT, namespace, event["metadata"]["name"])
        document = about | {
            "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        }  # fmt: skip
        try:
            self._objects.create(EVENT, document, namespace)
        except ApiError as error:
            if error.code not in (403, 404):  # the namespace is being deleted, or is gone
                raise
