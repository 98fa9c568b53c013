"""What the controllers and the kubelets of a cluster do with a Deployment, step by step, in the sandbox's API server.

A template whose image is in ``failing`` gets a pod with that container status; any other is ready at once.
"""

import copy
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from intermodal.resources.kubernetes.progress import REVISION, TEMPLATE_HASH, revision
from intermodal.sandbox.kubernetes.resources import DEPLOYMENT, POD, REPLICA_SET, SERVICE, Resource
from intermodal.sandbox.kubernetes.selectors import Filter
from tests.sandbox.kubernetes.running import Running

Json = dict[str, Any]
PAUSE_SECONDS = 0.05


@dataclass
class Controllers:
    cluster: Running
    namespace: str
    address: str = "10.1.2.3"
    failing: dict[str, Json] = field(default_factory=dict)
    paused: bool = False

    @contextmanager
    def working(self) -> Iterator["Controllers"]:
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(PAUSE_SECONDS):
                if not self.paused:
                    self.cluster.call(self.reconcile)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def documents(self, resource: Resource) -> list[Json]:
        found = self.cluster.cluster.objects.list(resource, Filter(namespace=self.namespace))
        return [copy.deepcopy(each) for each in found]

    def reconcile(self) -> None:
        for service in self.documents(SERVICE):
            if self.address and not service.get("status", {}).get("loadBalancer"):
                self._status(SERVICE, service, {"loadBalancer": {"ingress": [{"ip": self.address}]}})
        for deployment in self.documents(DEPLOYMENT):
            self._roll(deployment)

    def _roll(self, deployment: Json) -> None:
        template, wanted = deployment["spec"]["template"], deployment["spec"]["replicas"]
        hashed = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
        sets = [each for each in self.documents(REPLICA_SET) if _is_of(each, deployment)]
        newest = max([revision(each) for each in sets], default=0)
        current = next((each for each in sets if each["metadata"]["labels"][TEMPLATE_HASH] == hashed), None)
        if current is None or revision(current) < newest:
            current = self._number(deployment, current, hashed, newest + 1)
        reason = self.failing.get(template["spec"]["containers"][0]["image"])
        self._pod(current, reason)
        others = [each for each in sets if each["metadata"]["uid"] != current["metadata"]["uid"]]
        self._available(current, 0 if reason else wanted)
        for each in others:
            if not reason:
                self._available(each, 0)
        serving = 0 if not reason else sum(each.get("status", {}).get("availableReplicas", 0) for each in others)
        updated = 1 if reason else wanted
        self._annotate(deployment, revision(current))
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": updated + serving,
            "updatedReplicas": updated,
            "availableReplicas": serving if reason else wanted,
        }
        self._status(DEPLOYMENT, deployment, status)

    def _number(self, deployment: Json, found: Json | None, hashed: str, number: int) -> Json:
        """A ReplicaSet of the template, with the Deployment's annotations, as its newest revision."""
        objects = self.cluster.cluster.objects
        about, template = deployment["metadata"], copy.deepcopy(deployment["spec"]["template"])
        annotations = {**about["annotations"], REVISION: str(number)}
        if found is not None:
            found["metadata"]["annotations"] = annotations
            del found["metadata"]["resourceVersion"]
            return copy.deepcopy(objects.update(REPLICA_SET, found))
        template["metadata"]["labels"][TEMPLATE_HASH] = hashed
        labels = template["metadata"]["labels"]
        document = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{about['name']}-{hashed}",
                "labels": labels,
                "annotations": annotations,
                "ownerReferences": [_reference(deployment, "apps/v1", "Deployment")],
            },
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        return copy.deepcopy(objects.create(REPLICA_SET, document, self.namespace))

    def _pod(self, owner: Json, reason: Json | None) -> None:
        if any(_is_of(each, owner) for each in self.documents(POD)):
            return
        objects, about = self.cluster.cluster.objects, owner["metadata"]
        metadata = {
            "name": f"{about['name']}-x",
            "labels": about["labels"],
            "ownerReferences": [_reference(owner, "apps/v1", "ReplicaSet")],
        }
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": owner["spec"]["template"]["spec"]}
        pod = copy.deepcopy(objects.create(POD, document, self.namespace))
        container = {"name": "server", "image": "i", "imageID": "", "ready": not reason, "restartCount": 2}
        running = {"state": {"running": {"startedAt": "2026-12-01T10:00:00Z"}}}
        self._status(POD, pod, {"phase": "Pending", "containerStatuses": [container | (reason or running)]})

    def _available(self, replica_set: Json, count: int) -> None:
        self._status(REPLICA_SET, replica_set, {"replicas": count, "availableReplicas": count})

    def _annotate(self, deployment: Json, number: int) -> None:
        def numbered(document: Json) -> Json:
            document["metadata"].setdefault("annotations", {})[REVISION] = str(number)
            return document

        self.cluster.cluster.objects.change(DEPLOYMENT, self.namespace, deployment["metadata"]["name"], numbered)

    def _status(self, resource: Resource, document: Json, status: Json) -> None:
        def with_status(found: Json) -> Json:
            return {**found, "status": status}

        name = document["metadata"]["name"]
        self.cluster.cluster.objects.change(resource, self.namespace, name, with_status, subresource="status")


def _is_of(document: Json, owner: Json) -> bool:
    return any(each["uid"] == owner["metadata"]["uid"] for each in document["metadata"].get("ownerReferences", ()))


def _reference(owner: Json, version: str, kind: str) -> Json:
    about = owner["metadata"]
    return {"apiVersion": version, "kind": kind, "name": about["name"], "uid": about["uid"], "controller": True}
