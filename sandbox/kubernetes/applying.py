"""Server-side apply as a request: what it refuses, and what it writes."""

from dataclasses import replace

from intermodal.sandbox.kubernetes import identity, migrating
from intermodal.sandbox.kubernetes.checks import check_document
from intermodal.sandbox.kubernetes.errors import ApiError, bad_request, conflict, not_found
from intermodal.sandbox.kubernetes.merging.apply import server_side_apply
from intermodal.sandbox.kubernetes.merging.errors import Conflicts, MalformedItem
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import Resource
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options


def apply(
    objects: Objects,
    resource: Resource,
    namespace: str,
    name: str,
    config: Document,
    options: Options,
    *,
    force: bool,
    subresource: str = "",
) -> tuple[Document, bool]:
    """The object, and whether it is new. 409 with a cause for each field that another manager owns."""
    check_document(resource, config, namespace, name)
    if config["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    _check_types(objects, resource, config)
    live = objects.store.get(resource, namespace, name)
    if live is None and subresource:
        raise not_found(resource, name)
    version = config["metadata"].get("resourceVersion")
    if version and (live is None or live["metadata"]["resourceVersion"] != version):
        raise conflict(resource, name)
    try:
        merged = _merged(objects, live, config, options.manager, force, subresource)
    except Conflicts as error:
        causes = [{"reason": item.reason, "message": item.message, "field": item.field} for item in error.causes]
        raise ApiError(409, "Conflict", str(error), {"causes": causes}) from error
    except MalformedItem as error:
        raise bad_request(str(error)) from error
    merged = migrating.with_annotation(merged, config, live, options.manager)
    options = replace(options, applied=True)
    if live is None:
        return objects.create(resource, merged, namespace, options), True
    return objects.change(resource, namespace, name, lambda _: merged, options, subresource), False


def _merged(
    objects: Objects, live: Document | None, config: Document, manager: str, force: bool, subresource: str
) -> Document:
    def work(force: bool) -> Document:
        now = identity.now()
        return server_side_apply(live, config, manager, objects.schemas, force=force, now=now, subresource=subresource)

    try:
        return work(force)
    except Conflicts as error:
        if live is None or (left := migrating.remaining(error.causes, live, manager, objects.schemas)):
            raise Conflicts(left if live else error.causes) from error
        return work(True)


def _check_types(objects: Objects, resource: Resource, config: Document) -> None:
    """A configuration may lack what is required, since it is merged; what its types do not have is refused always.

    The API server answers 500 without a reason here.
    """
    for error in objects.schemas.validate(config, True):
        if error.reason == "FieldUnknown":
            what = f".{error.path}: field not declared in schema"
        elif "in body must be of type" in error.message:
            what = f".{error.message}"
        else:
            continue
        metadata = config["metadata"]
        full = "/".join(filter(None, (metadata.get("namespace", ""), metadata["name"])))
        kind = f"{resource.api_version}, Kind={resource.kind}"
        raise ApiError(500, "", f"failed to create typed patch object ({full}; {kind}): {what}")
