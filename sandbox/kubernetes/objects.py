"""What the API does to objects, for its handlers and for controllers in this process: create, change, delete, watch."""

import copy
from collections.abc import AsyncGenerator, Callable

from intermodal.sandbox.kubernetes import defaults, identity, rules
from intermodal.sandbox.kubernetes.checks import check_document, check_types
from intermodal.sandbox.kubernetes.errors import (
    ApiError,
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
)  # fmt: skip
from intermodal.sandbox.kubernetes.merging.apply import track_update
from intermodal.sandbox.kubernetes.removal import Collector, DeleteOptions
from intermodal.sandbox.kubernetes.resources import NAMESPACE, SERVICE, SERVICE_ACCOUNT, Resource
from intermodal.sandbox.kubernetes.schemas import Schemas
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Document, Store, WatchEvent, as_event
from intermodal.sandbox.kubernetes.writes import Options, keep_addresses, same, status_of

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Objects:
    """The typed interface to the store. A document that it returns must not be changed: copy it first.

    Errors are ``ApiError`` with the code and reason that a client over HTTP gets.
    """

    def __init__(self, store: Store, schemas: Schemas) -> None:
        self.store, self.schemas = store, schemas
        self._collector = Collector(store)
        for name in SYSTEM_NAMESPACES:
            if store.get(NAMESPACE, "", name) is None:
                self.create(NAMESPACE, {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}})

    def get(self, resource: Resource, namespace: str, name: str) -> Document:
        found = self.store.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return found

    def list(self, resource: Resource, wanted: Filter | None = None) -> list[Document]:
        return self.store.list(resource, wanted)

    def create(
        self, resource: Resource, document: Document, namespace: str = "", options: Options | None = None
    ) -> Document:
        options, document = options or Options(), copy.deepcopy(document)
        check_document(resource, document, namespace)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise bad_request("resourceVersion should not be set on objects to be created")
        identity.stamp(document)
        name = metadata["name"]
        self._check_namespace(resource, metadata.get("namespace", ""), name)
        if self.store.get(resource, metadata.get("namespace", ""), name) is not None:
            raise already_exists(resource, name)
        document = check_types(self.schemas, resource, document, options.validation, options.warn)
        if "status" in resource.subresources:
            document.pop("status", None)
        defaults.fill(document)
        document = self._track({}, document, options)
        if (status := defaults.first_status(document)) is not None:
            document["status"] = status
        if resource.counted:
            document["metadata"]["generation"] = 1
        _refuse(resource, document, rules.of_new(resource, document))
        if resource == SERVICE:
            identity.allocate(document, self.store.list(SERVICE))
        if options.dry_run:
            return document
        stored = self.store.put(resource, document)
        if resource == NAMESPACE:
            account = {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "default", "namespace": name}}
            self.create(SERVICE_ACCOUNT, account, name)
        return stored

    def update(self, resource: Resource, document: Document, options: Options | None = None) -> Document:
        """Replace all but the status; 409 when ``metadata.resourceVersion`` is given and is not the stored one."""
        metadata = document["metadata"]
        return self.change(resource, metadata.get("namespace", ""), metadata["name"], lambda _: document, options)

    def update_status(self, resource: Resource, document: Document, options: Options | None = None) -> Document:
        """Replace the status alone."""
        metadata = document["metadata"]
        return self.change(
            resource, metadata.get("namespace", ""), metadata["name"], lambda _: document, options, "status"
        )

    def change(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        work: Callable[[Document], Document],
        options: Options | None = None,
        subresource: str = "",
    ) -> Document:
        """Every write of an existing object: ``work`` gets a copy of the stored document and returns the wanted one."""
        options, before = options or Options(), self.get(resource, namespace, name)
        wanted = copy.deepcopy(work(copy.deepcopy(before)))
        check_document(resource, wanted, namespace, name)
        version = wanted["metadata"].get("resourceVersion")
        if version and version != before["metadata"]["resourceVersion"]:
            raise conflict(resource, name)
        if (uid := wanted["metadata"].get("uid")) and uid != before["metadata"]["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['metadata']['uid']}"
            raise conflict(resource, name, why)
        wanted = check_types(self.schemas, resource, wanted, options.validation, options.warn)
        after = status_of(wanted, before) if subresource == "status" else self._main(resource, wanted, before)
        after = self._track(before, after, options, subresource)
        if same(before, after):
            return before
        if options.dry_run:
            return after
        stored = self.store.put(resource, after)
        return self._collector.finish(resource, stored)

    def delete(
        self, resource: Resource, namespace: str, name: str, options: DeleteOptions | None = None
    ) -> tuple[Document, bool]:
        """The object and whether it is gone; it stays, marked, while finalizers or a Pod's grace period hold it."""
        found = self.get(resource, namespace, name)
        if resource == NAMESPACE and name in SYSTEM_NAMESPACES[:3]:
            raise forbidden(resource, name, "this namespace may not be deleted")
        return self._collector.delete(resource, found, options or DeleteOptions())

    async def watch(
        self, resource: Resource, wanted: Filter | None = None, since: int | None = None
    ) -> AsyncGenerator[WatchEvent, None]:
        """Every change after version ``since``; without it, first what exists as ADDED. Ends when the server stops.

        410 (Expired) when the changes after ``since`` are no longer known.
        """
        wanted, queue = wanted or Filter(), self.store.subscribe()
        try:
            if since is None:
                begun = self.store.version
                for document in self.store.list(resource, wanted):
                    yield WatchEvent("ADDED", document, int(document["metadata"]["resourceVersion"]))
            else:
                past, begun = self.store.since(since), self.store.version
                for change in past:
                    if change.resource == resource and (event := as_event(change, wanted)):
                        yield event
            while (queued := await queue.get()) is not None:
                if queued.version > begun and queued.resource == resource and (event := as_event(queued, wanted)):
                    yield event
        finally:
            self.store.unsubscribe(queue)

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        if not resource.namespaced:
            return
        found = self.store.get(NAMESPACE, "", namespace)
        if found is None:
            raise not_found(NAMESPACE, namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            error = forbidden(resource, name, why)
            cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
            raise ApiError(403, "Forbidden", error.message, error.details | {"causes": [cause.document()]})

    def _main(self, resource: Resource, wanted: Document, before: Document) -> Document:
        """A write of the main resource: never its status, nor what the server itself writes."""
        if "status" in resource.subresources:
            wanted.pop("status", None)
            if "status" in before:
                wanted["status"] = before["status"]
        metadata, old = wanted["metadata"], before["metadata"]
        for name in identity.SERVER_FIELDS:
            metadata.pop(name, None)
            if name in old:
                metadata[name] = old[name]
        metadata["resourceVersion"] = old["resourceVersion"]
        if resource == SERVICE:
            keep_addresses(wanted["spec"], before["spec"])
        defaults.fill(wanted)
        _refuse(resource, wanted, rules.of_change(before, wanted))
        if resource == SERVICE:
            others = [other for other in self.store.list(SERVICE) if other["metadata"]["uid"] != old["uid"]]
            identity.allocate(wanted, others)
        if resource.counted and wanted.get("spec") != before.get("spec"):
            metadata["generation"] = old.get("generation", 0) + 1
        return wanted

    def _track(self, before: Document, after: Document, options: Options, subresource: str = "") -> Document:
        """Who owns which field. Status, addresses and ids that the server itself sets have no owner."""
        if options.applied:
            return after
        return track_update(before, after, options.manager, self.schemas, now=identity.now(), subresource=subresource)


def _refuse(resource: Resource, document: Document, causes: "list[Cause]") -> None:
    if causes:
        raise invalid(resource, document["metadata"]["name"], causes)
