"""Documents of Vertex AI: the rules for what clients send, and what the server adds.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.endpoints
"""

import re
from typing import Any

from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import PROJECT_NUMBER, REGION
from intermodal.sandbox.gcp.services import etag, now

Json = dict[str, Any]
DOMAIN = ".prediction.vertexai.goog"
MOST_LABELS = 64
_ENDPOINT_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?|[1-9][0-9]{0,8}")
_MODEL_ID = re.compile(r"[a-z_][a-z0-9_-]{0,62}")
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_FILTER = re.compile(r'labels\.([\w-]+)\s*=\s*"?([\w-]*)"?')


def invalid(message: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", message)


def check_endpoint_id(value: str) -> None:
    if not _ENDPOINT_ID.fullmatch(value):
        raise invalid(f"'{value}' is not a valid endpoint_id: [a-z0-9-], a letter first, at most 63 characters.")


def check_labels(document: Json) -> None:
    labels = document.get("labels", {})
    if len(labels) > MOST_LABELS:
        raise invalid(f"There are {len(labels)} labels; at most {MOST_LABELS} are allowed.")
    for key, value in labels.items():
        if not key or not _LABEL.fullmatch(key) or not _LABEL.fullmatch(value):
            raise invalid(f"Label '{key}: {value}' is not valid: lower case, digits, _ and -, at most 63 characters.")


def check_upload(body: Json) -> None:
    if not _MODEL_ID.fullmatch(body.get("modelId", "")):
        raise invalid(f"'{body.get('modelId', '')}' is not a valid model_id: [a-z0-9_-], at most 63 characters.")
    model = body["model"]
    check_labels(model)
    if "parentModel" in body:
        raise ApiError("UNIMPLEMENTED", "The sandbox does not emulate versions of a model.")
    container = model.get("containerSpec") or {}
    if not model.get("artifactUri", "").startswith("gs://") or not container:
        raise invalid("The sandbox serves models with 'artifactUri' (gs://...) and 'containerSpec'.")
    if taken := [each["name"] for each in container.get("env", []) if each["name"].startswith("AIP_")]:
        raise invalid(f"Environment variables that begin with AIP_ are reserved: {', '.join(taken)}.")
    for route in ("predictRoute", "healthRoute"):
        if not container.get(route, "/").startswith("/"):
            raise invalid(f"{route} must begin with '/'.")
    if other := container.keys() - {"imageUri", "ports", "predictRoute", "healthRoute", "env"}:
        raise ApiError("UNIMPLEMENTED", f"The sandbox does not emulate containerSpec with {sorted(other)}.")


def check_deploy(body: Json) -> None:
    resources = body["deployedModel"].get("dedicatedResources")
    if resources is None:
        raise invalid("A custom container needs dedicated_resources.")
    if resources["minReplicaCount"] < 1 or resources.get("maxReplicaCount", 1) < resources["minReplicaCount"]:
        raise invalid("min_replica_count must be at least 1, and at most max_replica_count.")
    if not resources["machineSpec"].get("machineType"):
        raise invalid("machine_type is required for dedicated resources.")


def check_split(split: Json, known: set[str]) -> None:
    if split and sum(int(share) for share in split.values()) != 100:
        raise invalid("The traffic percentages must add up to 100.")
    if unknown := split.keys() - known:
        raise invalid(f"The traffic split names deployed models that do not exist: {sorted(unknown)}.")


def new_endpoint(name: str, body: Json) -> Json:
    if not body.get("dedicatedEndpointEnabled"):
        raise ApiError("UNIMPLEMENTED", "The sandbox emulates dedicated endpoints only.")
    check_labels(body)
    dns = f"{name.rsplit('/', 1)[1]}.{REGION}-{PROJECT_NUMBER}{DOMAIN}"
    moments = {"createTime": now(), "updateTime": now(), "etag": etag()}
    return {**body, "name": name, "dedicatedEndpointDns": dns, **moments}


def patched(endpoint: Json, body: Json, mask: str) -> Json:
    """``updateMask`` names whole fields, in camel or snake case."""
    fields = {re.sub(r"_([a-z])", lambda match: match[1].upper(), part) for part in mask.split(",") if part}
    if not fields or (other := fields - {"displayName", "description", "labels", "trafficSplit"}):
        raise ApiError(
            "UNIMPLEMENTED", f"The sandbox does not emulate updateMask='{mask}' ({other if fields else ''})."
        )
    if body.get("etag") and body["etag"] != endpoint["etag"]:
        raise ApiError("ABORTED", "The etag is not the current one.")
    check_labels(body)
    if "trafficSplit" in fields:
        check_split(body.get("trafficSplit", {}), {each["id"] for each in endpoint.get("deployedModels", [])})
    kept = {key: value for key, value in endpoint.items() if key not in fields}
    return kept | {key: body[key] for key in fields if key in body} | {"updateTime": now(), "etag": etag()}


def status(replicas: int, message: str = "") -> Json:
    return {"availableReplicaCount": replicas, "lastUpdateTime": now(), **({"message": message} if message else {})}


def page(key: str, documents: list[Json], query: Any) -> Json:
    if wanted := query.get("filter"):
        match = _FILTER.fullmatch(wanted)
        if match is None:
            raise ApiError("UNIMPLEMENTED", f"The sandbox takes filters of labels.a=\"b\", not '{wanted}'.")
        documents = [each for each in documents if each.get("labels", {}).get(match[1]) == match[2]]
    try:
        size, start = int(query.get("pageSize") or 100), int(query.get("pageToken") or 0)
    except ValueError as error:
        raise invalid(f"pageSize and pageToken: {error}") from error
    more = {"nextPageToken": str(start + size)} if start + size < len(documents) else {}
    return {key: documents[start : start + size], **more}
