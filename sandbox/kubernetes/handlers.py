"""Requests to resources, answered: one handler a verb."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast, get_args

from aiohttp import web

from intermodal.sandbox.kubernetes import paging, patching, requests
from intermodal.sandbox.kubernetes.access import Access
from intermodal.sandbox.kubernetes.applying import apply
from intermodal.sandbox.kubernetes.errors import ApiError, Cause, bad_request, method_not_allowed, not_emulated
from intermodal.sandbox.kubernetes.field_types import FieldType
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.removal import DeleteOptions, Policy
from intermodal.sandbox.kubernetes.requests import Route
from intermodal.sandbox.kubernetes.resources import ACCESS_REVIEW, JOB, Resource
from intermodal.sandbox.kubernetes.scaling import scale_of, scaled
from intermodal.sandbox.kubernetes.selectors import Filter
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.tables import accepts_table, table
from intermodal.sandbox.kubernetes.watching import Watching
from intermodal.sandbox.kubernetes.writes import Options

LogHook = Callable[[web.Request, Document], Awaitable[web.StreamResponse]]
_JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


class Handlers:
    """``logs`` answers /log of a Pod; controllers that run Pods provide it."""

    def __init__(self, objects: Objects, access: Access, watching: Watching) -> None:
        self._objects, self._access, self._watching = objects, access, watching
        self.logs: LogHook | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        user, route = self._access.user(request), requests.parse_path(request.path)
        verb = _verb(request, route)
        self._access.require(user, verb, route.resource, route.namespace, route.name, route.subresource)
        if verb not in route.resource.verbs:
            raise method_not_allowed()
        if verb == "watch":
            return await self._watching.serve(request, route)
        if route.subresource == "log":
            return await self._log(request, route)
        warnings: list[str] = []
        options = requests.options(request, warnings)
        body = await requests.body(request) if verb not in ("get", "list") else None
        status, document = self._answer(verb, request, route, body, options)
        if verb in ("get", "list") and not route.subresource and accepts_table(request.headers.get("Accept", "")):
            document = _table(request, route, document)
        response = _json(document, status)
        for warning in dict.fromkeys(warnings):
            text = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{text}"')
        return response

    def _answer(
        self, verb: str, request: web.Request, route: Route, body: Any, options: Options
    ) -> tuple[int, Document]:
        resource, namespace, name = route.resource, route.namespace, route.name
        if verb == "get":
            found = self._objects.get(resource, namespace, name)
            return 200, scale_of(found) if route.subresource == "scale" else found
        if verb == "list":
            limit, token = requests.number(request.query, "limit"), request.query.get("continue", "")
            return 200, paging.page(
                self._objects.store, resource, requests.selection(route, request.query), limit, token
            )
        if verb == "create":
            if resource == ACCESS_REVIEW:
                return 201, self._access.review(body)
            return 201, self._objects.create(resource, body, namespace, options)
        if verb in ("delete", "deletecollection"):
            removal = _removal(request, body, options)
            if resource == JOB and not removal.policy:
                options.warn(_JOB_WARNING)
            if verb == "delete":
                return self._delete(route, removal)
            return 200, self._delete_all(resource, requests.selection(route, request.query), removal)
        if verb == "update":
            work: Callable[[Document], Document] = lambda _: body  # noqa: E731
        elif request.content_type == patching.APPLY:
            return self._apply(request, route, body, options)
        else:
            work = patching.patcher(request.content_type, body, self._kind(route))
        if route.subresource == "scale":
            change = work
            work = lambda live: scaled(live, change(scale_of(live)))  # noqa: E731
        changed = self._objects.change(resource, namespace, name, work, options, route.subresource)
        return 200, scale_of(changed) if route.subresource == "scale" else changed

    def _kind(self, route: Route) -> FieldType:
        resource, schemas = route.resource, self._objects.schemas
        scale = route.subresource == "scale"
        found = schemas.of("autoscaling/v1", "Scale") if scale else schemas.of(resource.api_version, resource.kind)
        return found or schemas.custom

    def _apply(self, request: web.Request, route: Route, body: Any, options: Options) -> tuple[int, Document]:
        if not request.query.get("fieldManager"):
            cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
            raise ApiError(422, "Invalid", f"PatchOptions.meta.k8s.io is invalid: {cause.field}: {cause.message}",
                {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause.document()]})  # fmt: skip
        if route.subresource == "scale":
            raise not_emulated("apply to /scale")
        force = requests.flag(request.query, "force")
        subject = (route.resource, route.namespace, route.name)
        found, new = apply(self._objects, *subject, body, options, force=force, subresource=route.subresource)
        return (201 if new else 200), found

    def _delete(self, route: Route, options: DeleteOptions) -> tuple[int, Document]:
        found, gone = self._objects.delete(route.resource, route.namespace, route.name, options)
        if not gone:
            return 200, found
        details = {"name": route.name, "group": route.resource.group, "kind": route.resource.plural}
        details["uid"] = found["metadata"]["uid"]
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return 200, status | {"details": {key: value for key, value in details.items() if value}}

    def _delete_all(self, resource: Resource, wanted: Filter, options: DeleteOptions) -> Document:
        listed = paging.page(self._objects.store, resource, wanted, 0, "")
        for found in self._objects.list(resource, wanted):
            metadata = found["metadata"]
            if self._objects.store.get(resource, metadata.get("namespace", ""), metadata["name"]) is not None:
                self._objects.delete(resource, metadata.get("namespace", ""), metadata["name"], options)
        return listed

    async def _log(self, request: web.Request, route: Route) -> web.StreamResponse:
        pod = self._objects.get(route.resource, route.namespace, route.name)
        if self.logs is None:
            raise not_emulated("logs without a controller that runs Pods")
        return await self.logs(request, pod)


def _verb(request: web.Request, route: Route) -> str:
    method = request.method
    if method in ("GET", "HEAD"):
        if requests.flag(request.query, "watch"):
            return "watch"
        return "get" if route.name else "list"
    if method == "POST" and not route.name:
        return "create"
    if method == "DELETE" and not route.subresource:
        return "delete" if route.name else "deletecollection"
    verbs = {"PUT": "update", "PATCH": "patch"}
    if route.name and method in verbs and route.subresource != "log":
        return verbs[method]
    raise method_not_allowed()


def _removal(request: web.Request, body: Any, options: Options) -> DeleteOptions:
    given = (body or {}) if isinstance(body or {}, dict) else {}
    policy = given.get("propagationPolicy") or request.query.get("propagationPolicy", "")
    if not policy and given.get("orphanDependents") is not None:
        policy = "Orphan" if given["orphanDependents"] else "Background"
    if policy not in get_args(Policy):
        raise bad_request(f'invalid propagationPolicy "{policy}"')
    grace = given.get("gracePeriodSeconds")
    if grace is None and "gracePeriodSeconds" in request.query:
        grace = requests.number(request.query, "gracePeriodSeconds")
    conditions = given.get("preconditions") or {}
    dry = options.dry_run or given.get("dryRun") == ["All"]
    return DeleteOptions(
        cast(Policy, policy), grace, conditions.get("uid", ""), conditions.get("resourceVersion", ""), dry
    )


def _table(request: web.Request, route: Route, document: Document) -> Document:
    items, metadata = document.get("items"), document["metadata"]
    if items is None:
        items, metadata = [document], {"resourceVersion": metadata["resourceVersion"]}
    return table(route.resource, items, metadata, request.query.get("includeObject", "Metadata"))


def _json(document: Document, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(document), content_type="application/json")
