"""The objects of one namespace: server-side apply, pages, watches, logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from intermodal.platform.errors import NotFound, Refused
from intermodal.resources.kubernetes.connection import Connection, Query
from intermodal.resources.kubernetes.errors import Busy, Expired, from_answer
from intermodal.resources.kubernetes.manifests.options import Json

FIELD_MANAGER = "intermodal"
PAGE = 200
LOG_LINES = 10
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
PATHS: Mapping[str, tuple[str, str]] = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "Pod": ("/api/v1", "pods"),
    "Service": ("/api/v1", "services"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
}


def label_query(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


@dataclass
class Api:
    connection: Connection
    namespace: str

    def get(self, kind: str, name: str) -> Json | None:
        try:
            return self.connection.call(f"read {kind} '{name}'", "GET", self._path(kind, name))
        except NotFound:
            return None

    def find(self, kind: str, labels: Mapping[str, str]) -> list[Json]:
        """Every page. One that expires in between (410) starts the list again."""
        return self._listed(kind, {"labelSelector": label_query(labels)})[0]

    def apply(self, document: Json) -> Json:
        """The object as it is then. Refused, with manager and field, when another manager set a field of ours.

        It is never forced. Fields of an earlier apply, also of a process that was killed, are this manager's already.
        """
        kind, name = document["kind"], document["metadata"]["name"]
        query = {"fieldManager": FIELD_MANAGER, "force": "false", "fieldValidation": "Strict"}
        return self.connection.call(f"apply {kind} '{name}'", "PATCH", self._path(kind, name), query, document, APPLY)

    def scale(self, name: str, replicas: int) -> None:
        """By the subresource, as the autoscaler does: an update conflicts with no manager."""
        path = f"{self._path('Deployment', name)}/scale"
        body = {"spec": {"replicas": replicas}}
        self.connection.call(f"scale Deployment '{name}'", "PATCH", path, {"fieldManager": FIELD_MANAGER}, body, MERGE)

    def delete(self, document: Json, kind: str) -> None:
        """This object, by its uid: one that was made since under the same name stays."""
        about = document["metadata"]
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": about["uid"]},
        }
        try:
            self.connection.read(
                f"delete {kind} '{about['name']}'", "DELETE", self._path(kind, about["name"]), None, body
            )
        except (NotFound, Busy):
            return

    def log(self, pod: str, container: str, previous: bool) -> str:
        """The end of a container's log; empty when there is none."""
        query: Query = {"container": container, "tailLines": LOG_LINES, "previous": str(previous).lower()}
        try:
            found = self.connection.read(f"read the log of pod '{pod}'", "GET", f"{self._path('Pod', pod)}/log", query)
        except NotFound:
            return ""
        return found.decode(errors="replace").strip()

    def probe(self) -> None:
        """Whether this identity may apply a Deployment. Refused when it may not."""
        attributes = {"namespace": self.namespace, "verb": "patch", "group": "apps", "resource": "deployments"}
        body: Json = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        if not self.connection.call("review access", "POST", path, None, body)["status"]["allowed"]:
            raise Refused(f"This identity may not patch deployments in '{self.namespace}'.", hint="Give it a role.")

    def watch(self, kind: str, name: str) -> Watch:
        return Watch(self, kind, name)

    def _listed(self, kind: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """Items, and the version of the list, from which a watch begins."""
        found: list[Json] = []
        more: dict[str, Any] = {}
        while True:
            try:
                page = self.connection.call(f"list {kind}s", "GET", self._path(kind), {**query, "limit": PAGE, **more})
            except Expired:
                if not more:
                    raise
                found, more = [], {}
                continue
            found += page.get("items") or []
            following = page["metadata"].get("continue")
            if not following:
                return found, str(page["metadata"]["resourceVersion"])
            more = {"continue": following}

    def _path(self, kind: str, name: str = "") -> str:
        group, plural = PATHS[kind]
        return f"{group}/namespaces/{quote(self.namespace)}/{plural}{'/' + quote(name, safe='') if name else ''}"


@dataclass
class Watch:
    """One object's changes: a list, then a watch from its version, again after 410.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
    """

    api: Api
    kind: str
    name: str
    _version: str = field(default="", init=False)

    def window(self, seconds: int) -> Iterator[Json | None]:
        """What the object became within ``seconds``; None when it is gone. The next window misses nothing."""
        selected = {"fieldSelector": f"metadata.name={self.name}"}
        if not self._version:
            items, self._version = self.api._listed(self.kind, selected)
            yield items[0] if items else None
        query: Query = {
            **selected,
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": seconds,
        }
        doing = f"watch {self.kind} '{self.name}'"
        try:
            for event in self.api.connection.lines(doing, self.api._path(self.kind), query, seconds):
                document = event["object"]
                if event["type"] == "ERROR":
                    raise from_answer(int(document.get("code", 500)), json.dumps(document).encode(), doing)
                self._version = str(document["metadata"]["resourceVersion"])
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield document
                elif event["type"] == "DELETED":
                    yield None
        except Expired:
            self._version = ""
