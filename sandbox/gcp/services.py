"""Cloud Run services as documents: the rules for what clients send, and what the server adds.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services
"""

import re
import secrets
import string
import uuid
from datetime import UTC, datetime
from typing import Any

from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import EMAIL

Json = dict[str, Any]
SERVICE_TYPE = "type.googleapis.com/google.cloud.run.v2.Service"
PINNED = ("TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", 2)
MANUAL = ("MANUAL", 2)
"""Google's own client sends the numbers of enumerations."""
RESERVED_ENV = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def check_id(service: str) -> None:
    if not _ID.fullmatch(service):
        raise ApiError(
            "INVALID_ARGUMENT",
            f"Violation in CreateServiceRequest.service_id: '{service}' must be lower case letters, digits and "
            "hyphens, begin with a letter, not end with a hyphen, and have fewer than 50 characters.",
        )


def check(service: Json) -> None:
    """Rules of Google's documentation that are not in the schema. Raises ApiError."""
    template = service["template"]
    for key, value in [*service.get("labels", {}).items(), *template.get("labels", {}).items()]:
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            _invalid(
                f"Label '{key}: {value}' does not conform to the rules of labels (lower case, digits, _ and -, 63)."
            )
    if len(template.get("containers", [])) != 1:
        _invalid("The sandbox runs exactly one container in a revision ('template.containers').")
    container = template["containers"][0]
    if taken := RESERVED_ENV & {variable["name"] for variable in container.get("env", [])}:
        _invalid(f"The following reserved env names were provided: {', '.join(sorted(taken))}.")
    if any("valueSource" in variable for variable in container.get("env", [])):
        raise ApiError("UNIMPLEMENTED", "The sandbox does not emulate env values from secrets.")
    traffic = service.get("traffic", [])
    if len(traffic) > 1 or any(entry.get("percent") != 100 or "tag" in entry for entry in traffic):
        raise ApiError("UNIMPLEMENTED", "The sandbox does not emulate traffic splits: all goes to one revision.")
    volumes = {volume["name"]: volume for volume in template.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            _invalid(f"Volume mount '{mount['name']}' names no volume of the template.")
        if "gcs" not in volumes[mount["name"]]:
            raise ApiError("UNIMPLEMENTED", "The sandbox emulates Cloud Storage volumes only.")


def _invalid(message: str) -> None:
    raise ApiError("INVALID_ARGUMENT", message)


def created(name: str, uri: str, body: Json) -> Json:
    """The document of a new service, before its first revision."""
    fixed = {"name": name, "uid": str(uuid.uuid4()), "uri": uri, "urls": [uri], "creator": EMAIL, "createTime": now()}
    return changed({**fixed, "generation": "0"}, body)


def changed(old: Json, body: Json) -> Json:
    """``old`` with the client's changes, in its next generation. A new template makes a new revision."""
    kept = {"name", "uid", "uri", "urls", "creator", "createTime", "observedGeneration"}
    kept |= {"latestReadyRevision", "latestCreatedRevision"}
    wanted = {key: value for key, value in body.items() if key not in kept | {"etag"}}
    generation = int(old["generation"]) + 1
    service = {**wanted, **{key: old[key] for key in kept if key in old}, "generation": str(generation)}
    service |= {"lastModifier": EMAIL, "updateTime": now(), "etag": etag()}
    service.setdefault("ingress", "INGRESS_TRAFFIC_ALL")
    if old.get("template") != service["template"]:
        short, tail = old["name"].rsplit("/", 1)[1], "".join(secrets.choice(string.ascii_lowercase) for _ in range(3))
        service["latestCreatedRevision"] = f"{old['name']}/revisions/{short}-{generation:05d}-{tail}"
    return reconciling(service)


def pinned(service: Json) -> str:
    """The revision that the traffic names, whole; empty when it goes to the newest.

    https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
    """
    short = next((entry["revision"] for entry in service.get("traffic", []) if entry.get("type") in PINNED), "")
    return f"{service['name']}/revisions/{short.rsplit('/', 1)[-1]}" if short else ""


def serving_revision(service: Json) -> str:
    """The one that gets the traffic once it is ready."""
    return pinned(service) or str(service["latestCreatedRevision"])


def stopped(service: Json) -> bool:
    """Manual scaling to 0 instances disables a service.

    https://cloud.google.com/run/docs/configuring/services/manual-scaling
    """
    scaling = service.get("scaling", {})
    return scaling.get("scalingMode") in MANUAL and not scaling.get("manualInstanceCount")


def etag() -> str:
    return f'"{secrets.token_urlsafe(16)}"'


def reconciling(service: Json) -> Json:
    return service | {"reconciling": True, "terminalCondition": condition("CONDITION_RECONCILING")}


def ready(service: Json) -> Json:
    done = {
        "latestReadyRevision": service["latestCreatedRevision"],
        "terminalCondition": condition("CONDITION_SUCCEEDED"),
    }
    return service | done | {"reconciling": False, "observedGeneration": service["generation"], "etag": etag()}


def failed(service: Json, reason: str) -> Json:
    """The newest revision is not ready; an older one may keep serving."""
    common = "CONTAINER_MISSING" if "CannotPullContainer" in reason else "REVISION_FAILED"
    revision = service["latestCreatedRevision"].rsplit("/", 1)[1]
    message = f"Revision '{revision}' is not ready and cannot serve traffic. {reason}"
    terminal = condition("CONDITION_FAILED") | {"reason": common, "message": message}
    done = {"reconciling": False, "observedGeneration": service["generation"], "etag": etag()}
    return service | done | {"terminalCondition": terminal}


def condition(state: str) -> Json:
    return {"type": "Ready", "state": state, "lastTransitionTime": now()}
