"""What the API server refuses beyond types: names, immutable fields, a selector that its template does not match."""

import json
import re
from collections.abc import Iterator
from typing import Any

from intermodal.sandbox.kubernetes import selectors
from intermodal.sandbox.kubernetes.errors import Cause
from intermodal.sandbox.kubernetes.resources import Resource

Document = dict[str, Any]
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character"
)
_IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("selector",),
    "ReplicaSet": ("selector",),
    "Job": ("selector", "template", "completionMode"),
}
_POD_MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")


def _invalid(field: str, value: object, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {why}", field)


def of_new(resource: Resource, document: Document) -> list[Cause]:
    return list(_name(resource, document["metadata"]["name"])) + of_any(document)


def _name(resource: Resource, name: str) -> Iterator[Cause]:
    if resource.kind == "Namespace":
        fits, rule, length = LABEL.fullmatch(name), LABEL_RULE, 63
    elif resource.kind == "Service":
        fits, rule, length = SERVICE_NAME.fullmatch(name), LABEL_RULE.replace("1123", "1035"), 63
    else:
        fits, rule, length = SUBDOMAIN.fullmatch(name), SUBDOMAIN_RULE, 253
    if not fits:
        yield _invalid("metadata.name", name, rule)
    if len(name) > length:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {length} bytes", "metadata.name")


def of_any(document: Document) -> list[Cause]:
    found = list(_labels("metadata.labels", document["metadata"].get("labels") or {}))
    spec = document.get("spec") or {}
    if document["kind"] in ("Deployment", "ReplicaSet"):
        found += _workload(spec)
    if document["kind"] in ("Deployment", "ReplicaSet") and (spec.get("replicas") or 0) < 0:
        found.append(_invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
    if document["kind"] == "HorizontalPodAutoscaler" and spec.get("maxReplicas", 1) < spec.get("minReplicas", 1):
        found.append(
            _invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")
        )
    return found


def _labels(field: str, labels: dict[str, str]) -> Iterator[Cause]:
    for value in labels.values():
        if len(value) > 63 or not LABEL_VALUE.fullmatch(value):
            rule = (
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an alphanumeric character"
            )
            yield _invalid(field, value, rule)


def _workload(spec: Document) -> Iterator[Cause]:
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    selector = spec.get("selector") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield _invalid("spec.selector", selector, "empty selector is invalid for deployment")
    elif not all(requirement.holds(labels) for requirement in selectors.from_spec(selector)):
        yield _invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    template = spec["template"].get("spec") or {}
    if not template.get("containers"):
        yield Cause("FieldValueRequired", "Required value", "spec.template.spec.containers")
    if template.get("restartPolicy", "Always") != "Always":
        policy = template["restartPolicy"]
        message = f'Unsupported value: "{policy}": supported values: "Always"'
        yield Cause("FieldValueNotSupported", message, "spec.template.spec.restartPolicy")


def of_change(before: Document, after: Document) -> list[Cause]:
    """What an update must not change."""
    found, kind = of_any(after), after["kind"]
    old, new = before.get("spec") or {}, after.get("spec") or {}
    for name in _IMMUTABLE.get(kind, ()):
        if old.get(name) != new.get(name):
            found.append(_invalid(f"spec.{name}", new.get(name), "field is immutable"))
    if kind == "Service" and old.get("clusterIP") and old["clusterIP"] != new.get("clusterIP"):
        found.append(_invalid("spec.clusterIP", new.get("clusterIP"), "field is immutable"))
    if kind == "Pod" and _fixed(old) != _fixed(new):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds`"
        )
        found.append(Cause("FieldValueForbidden", why, "spec"))
    if kind == "Secret" and before.get("type") != after.get("type"):
        found.append(_invalid("type", after.get("type"), "field is immutable"))
    if before.get("immutable") and any(before.get(name) != after.get(name) for name in ("data", "binaryData")):
        found.append(Cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", "data"))
    return found


def _fixed(spec: Document) -> Document:
    """What of a Pod's spec stays as it was. A node is set by a scheduler's binding, here by an update."""
    fixed = {name: value for name, value in spec.items() if name not in _POD_MAY_CHANGE}
    for name in ("containers", "initContainers"):
        fixed[name] = [dict(container, image="") for container in spec.get(name) or []]
    return fixed
