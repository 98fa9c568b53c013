"""One deployment: apply, watch to the end, undo what fails. Each starts from what there is, so that the next call
continues one that was killed."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from intermodal.platform.errors import DeployFailed, IntermodalError
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.platform.targets import Target
from intermodal.resources.kubernetes import progress
from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.documents import address_of
from intermodal.resources.kubernetes.errors import Rejected
from intermodal.resources.kubernetes.labels import selector, tags_of
from intermodal.resources.kubernetes.manifests.autoscaler import autoscaler
from intermodal.resources.kubernetes.manifests.deployment import deployment
from intermodal.resources.kubernetes.manifests.endpoint import objects
from intermodal.resources.kubernetes.manifests.options import Json, Options
from intermodal.resources.kubernetes.manifests.pod import CONTAINER
from intermodal.resources.kubernetes.pods import PodFailure
from intermodal.resources.kubernetes.removal import remove

WINDOW_SECONDS = 5
"""Pods say nothing to their Deployment, so they are looked at so often."""


@dataclass
class Rollout:
    """``begin`` once, then ``step`` until it gives the Deployment and its Service. ``seen`` is what it waits for."""

    api: Api
    request: DeployRequest
    target: Target
    options: Options
    seen: str = field(default="creating", init=False)
    _latest: Json | None = field(default=None, init=False)
    _replicas_before: int = field(default=0, init=False)

    def begin(self) -> None:
        """Apply every object, unless one of them is another's (Refused). DeployFailed when the cluster takes none."""
        wanted = objects(self.request, self.target, self.options)
        for each in wanted:
            found = self.api.get(each["kind"], self.request.name)
            if found is None:
                continue
            ownership.require_requested(self.request, tags_of(found), each["kind"])
            if each["kind"] == "HorizontalPodAutoscaler":
                self._replicas_before = found["spec"].get("minReplicas", 1)
        try:
            for each in wanted:
                applied = self.api.apply(each)
                if each["kind"] == "Deployment":
                    self._latest = applied
        except Rejected as error:
            raise self._failure(PodFailure("", error.message)) from error
        if self._latest and self._latest["spec"].get("replicas", 1) < self.request.replicas:
            self.api.scale(self.request.name, self.request.replicas)
        self._watch = self.api.watch("Deployment", self.request.name)

    def step(self) -> tuple[Json, Json] | None:
        for document in self._watch.window(WINDOW_SECONDS):
            self._latest = document
            if document is None or progress.is_complete(document, self.request.replicas):
                break
        if self._latest is None:
            raise DeployFailed(
                f"Deployment '{self.request.name}' was deleted while it was rolled out.",
                hint="Find out by whom (the API server's audit log), then deploy again.",
            )
        if progress.is_complete(self._latest, self.request.replicas):
            service = self.api.get("Service", self.request.name)
            self.seen = "its Service has no address of a load balancer yet"
            return (self._latest, service) if service and address_of(service) else None
        pods = self._pods(self._latest)
        self.seen = progress.seen(self._latest, pods)
        if found := progress.failure(self._latest, pods, datetime.now(UTC)):
            raise self._failure(found)
        return None

    def _replica_sets(self, owner: Json) -> list[Json]:
        return progress.owned(self.api.find("ReplicaSet", selector(self.request.name)), owner)

    def _pods(self, owner: Json) -> list[Json]:
        """Those of the newest template."""
        newest = progress.newest(owner, self._replica_sets(owner))
        return progress.owned(self.api.find("Pod", selector(self.request.name)), newest) if newest else []

    def _failure(self, found: PodFailure) -> DeployFailed:
        reason = f"{found.reason}{self._log_of(found)}"
        try:
            outcome = self._undo()
        except IntermodalError as error:
            return DeployFailed(
                f"Endpoint '{self.request.name}' failed: {reason}",
                hint=f"It was not undone: {error} Correct what the reason names and deploy again, or delete it.",
            )
        return DeployFailed(
            f"Endpoint '{self.request.name}' failed: {reason}",
            hint=f"{outcome} Correct what the reason names (image, artifacts, memory) and deploy again.",
        )

    def _log_of(self, found: PodFailure) -> str:
        """The end of the log of a server that crashed. Whether it can be read does not decide what is undone."""
        if not found.crashed:
            return ""
        try:
            log = self.api.log(found.pod, CONTAINER, previous=True)
        except IntermodalError as error:
            return f" Its log could not be read: {error.message}"
        return f" Its log ends: {log}" if log else ""

    def _undo(self) -> str:
        """The outcome in words. An earlier template that serves is applied again, with the tags that it had, which its
        ReplicaSet keeps. Where nothing serves, everything is deleted."""
        name, namespace = self.request.name, self.options.namespace
        current = self.api.get("Deployment", name)
        before = progress.serving_before(current, self._replica_sets(current)) if current else None
        if before is not None:
            tags = tags_of(before)
            self.api.apply(deployment(name, namespace, tags, progress.template_of(before)))
            if self._replicas_before:
                self.api.apply(autoscaler(name, namespace, tags, self._replicas_before))
            return "What it served before keeps serving."
        if current is not None and current.get("status", {}).get("availableReplicas", 0):
            return "Its replicas that are available serve."
        remove(self.api, name)
        return "It was deleted again."
