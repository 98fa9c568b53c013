"""Deletion: preconditions, finalizers, a Pod's grace period, dependents of owners, and what is in a namespace.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/. The collector of a cluster works a moment
later; here dependents go within the call.
"""

from dataclasses import dataclass
from typing import Any, Literal

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.errors import conflict
from intermodal.sandbox.kubernetes.resources import JOB, NAMESPACE, POD, RESOURCES, Resource
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Document, Store

Policy = Literal["", "Background", "Foreground", "Orphan"]
FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True)
class DeleteOptions:
    """``policy`` empty: what the kind has by default; ``grace`` in seconds, for Pods."""

    policy: Policy = ""
    grace: int | None = None
    uid: str = ""
    version: str = ""
    dry_run: bool = False


class Collector:
    def __init__(self, store: Store) -> None:
        self._store = store

    def delete(self, resource: Resource, found: Document, options: DeleteOptions) -> tuple[Document, bool]:
        """The object and whether it is gone."""
        metadata, name = found["metadata"], found["metadata"]["name"]
        for field, given, own in (
            ("UID", options.uid, metadata["uid"]),
            ("ResourceVersion", options.version, metadata["resourceVersion"]),
        ):
            if given and given != own:
                why = f"Precondition failed: {field} in precondition: {given}, {field} in object meta: {own}"
                raise conflict(resource, name, why)
        if options.dry_run:
            return found, not metadata.get("finalizers")
        policy = options.policy or ("Orphan" if resource == JOB else "Background")
        finalizers = list(metadata.get("finalizers") or [])
        if policy == "Orphan":
            self._orphan(metadata["uid"])
        elif policy == "Foreground" and self._dependents(metadata["uid"]) and FOREGROUND not in finalizers:
            finalizers.append(FOREGROUND)
        grace = self._grace(resource, found, options)
        if not finalizers and not grace and resource != NAMESPACE:
            return self._remove(resource, found), True
        marked = self._mark(resource, found, finalizers, grace)
        if FOREGROUND in finalizers:
            self._delete_dependents(metadata["uid"], "Foreground")
        if resource == NAMESPACE:
            self._empty(name)
        after = self._store.get(resource, metadata.get("namespace", ""), name)
        if after is None:
            return marked, True
        finished = self.finish(resource, after)
        return finished, self._store.get(resource, metadata.get("namespace", ""), name) is None

    def finish(self, resource: Resource, stored: Document) -> Document:
        """After a write: take out what is marked and that nothing holds any more."""
        metadata = stored["metadata"]
        if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
            return stored
        if metadata.get("deletionGracePeriodSeconds"):
            return stored
        if resource == NAMESPACE and any(self._content(metadata["name"])):
            return stored
        return self._remove(resource, stored)

    def _grace(self, resource: Resource, found: Document, options: DeleteOptions) -> int:
        """A Pod that runs on a node is ended there first; the kubelet then deletes it with a grace of 0."""
        if resource != POD or not found["spec"].get("nodeName"):
            return 0
        if found.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        return int(found["spec"]["terminationGracePeriodSeconds"] if options.grace is None else options.grace)

    def _mark(self, resource: Resource, found: Document, finalizers: list[str], grace: int) -> Document:
        metadata = dict(found["metadata"])
        if "deletionTimestamp" not in metadata:
            metadata["deletionTimestamp"] = identity.now()
            if "generation" in metadata:
                metadata["generation"] += 1
        metadata["deletionGracePeriodSeconds"] = grace
        if finalizers:
            metadata["finalizers"] = finalizers
        marked = found | {"metadata": metadata}
        if resource == NAMESPACE:
            marked["status"] = {"phase": "Terminating"}
        return marked if marked == found else self._store.put(resource, marked)

    def _remove(self, resource: Resource, found: Document) -> Document:
        gone = self._store.remove(resource, found)
        self._delete_dependents(found["metadata"]["uid"])
        for reference in found["metadata"].get("ownerReferences") or []:
            self._release(reference["uid"])
        if namespace := self._store.get(NAMESPACE, "", found["metadata"].get("namespace", "")):
            self.finish(NAMESPACE, namespace)
        return gone

    def _content(self, namespace: str) -> list[tuple[Resource, Document]]:
        scoped = [resource for resource in RESOURCES if resource.namespaced]
        return [(item, found) for item in scoped for found in self._store.list(item, Filter(namespace))]

    def _empty(self, namespace: str) -> None:
        for resource, found in self._content(namespace):
            self._again(resource, found, DeleteOptions("Background"))

    def _again(self, resource: Resource, found: Document, options: DeleteOptions) -> None:
        """Delete what an earlier deletion may have taken or changed already."""
        metadata = found["metadata"]
        current = self._store.get(resource, metadata.get("namespace", ""), metadata["name"])
        if current is not None and current["metadata"]["uid"] == metadata["uid"]:
            self.delete(resource, current, options)

    def _dependents(self, uid: str) -> list[tuple[Resource, Document]]:
        return [
            (resource, found)
            for resource in RESOURCES
            for found in self._store.list(resource)
            if any(reference["uid"] == uid for reference in found["metadata"].get("ownerReferences") or [])
        ]

    def _delete_dependents(self, uid: str, policy: Policy = "Background") -> None:
        """An object with another owner that exists only loses its reference. What an owner waits for (foreground)
        waits for its own dependents, too."""
        for resource, found in self._dependents(uid):
            others = [item for item in found["metadata"]["ownerReferences"] if item["uid"] != uid]
            if any(self._by_uid(item["uid"]) for item in others):
                self._store.put(resource, found | {"metadata": found["metadata"] | {"ownerReferences": others}})
            elif not found["metadata"].get("deletionTimestamp"):
                self._again(resource, found, DeleteOptions(policy))

    def _orphan(self, uid: str) -> None:
        for resource, found in self._dependents(uid):
            metadata: dict[str, Any] = dict(found["metadata"])
            metadata["ownerReferences"] = [item for item in metadata["ownerReferences"] if item["uid"] != uid]
            if not metadata["ownerReferences"]:
                del metadata["ownerReferences"]
            self._store.put(resource, found | {"metadata": metadata})

    def _by_uid(self, uid: str) -> tuple[Resource, Document] | None:
        for resource in RESOURCES:
            for found in self._store.list(resource):
                if found["metadata"]["uid"] == uid:
                    return resource, found
        return None

    def _release(self, uid: str) -> None:
        """An owner that waits for its dependents (foreground) goes with the last of them."""
        owner = self._by_uid(uid)
        if owner is None or FOREGROUND not in (owner[1]["metadata"].get("finalizers") or []):
            return
        resource, found = owner
        waits = any(
            reference["uid"] == uid and reference.get("blockOwnerDeletion")
            for _, dependent in self._dependents(uid)
            for reference in dependent["metadata"]["ownerReferences"]
        )
        if not waits:
            metadata = dict(found["metadata"])
            metadata["finalizers"] = [item for item in metadata["finalizers"] if item != FOREGROUND]
            if not metadata["finalizers"]:
                del metadata["finalizers"]
            self.finish(resource, self._store.put(resource, found | {"metadata": metadata}))
