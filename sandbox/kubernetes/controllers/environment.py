"""A container's variables, from its spec and what that refers to.

Source: https://kubernetes.io/docs/tasks/inject-data-application/
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import CONFIG_MAP, SECRET
from intermodal.sandbox.kubernetes.store import Document

_REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")


class ConfigError(Exception):
    """The container cannot be made: waiting reason CreateContainerConfigError."""


def variables(objects: Objects, pod: Document, container: Document, address: str) -> dict[str, str]:
    """``address`` is the Pod's. ConfigError names the Secret, ConfigMap or key that is missing."""
    namespace, found = pod["metadata"]["namespace"], dict[str, str]()
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for kind in ("configMapRef", "secretRef"):
            if reference := source.get(kind):
                data = entries(objects, kind, namespace, reference)
                found |= {prefix + name: value.decode() for name, value in data.items()}
    for item in container.get("env") or ():
        value = _from(objects, pod, item["valueFrom"], address) if item.get("valueFrom") else item.get("value", "")
        if value is not None:
            found[item["name"]] = expanded(value, found)
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """``$(NAME)`` of a known variable; others stay as they are, and ``$$`` is a dollar sign."""
    return _REFERENCE.sub(lambda hit: "$" if hit[0] == "$$" else known.get(hit[1], hit[0]), text)


def entries(objects: Objects, kind: str, namespace: str, reference: Document) -> dict[str, bytes]:
    """Of a ConfigMap or Secret, by a reference of this kind (``secretRef``, ``configMapKeyRef``, ``secret``)."""
    secret, name = kind.startswith("secret"), reference.get("name") or reference.get("secretName", "")
    try:
        found = objects.get(SECRET if secret else CONFIG_MAP, namespace, name)
    except ApiError as error:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{"secret" if secret else "configmap"} "{name}" not found') from error
    data = found.get("data") or {}
    if secret:
        return {key: base64.b64decode(value) for key, value in data.items()}
    binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return {key: value.encode() for key, value in data.items()} | binary


def _from(objects: Objects, pod: Document, source: Mapping[str, Any], address: str) -> str | None:
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if reference := source.get(kind):
            namespace = pod["metadata"]["namespace"]
            value = entries(objects, kind, namespace, reference).get(reference["key"])
            if value is None and not reference.get("optional"):
                where = f"{'Secret' if kind.startswith('secret') else 'ConfigMap'} {namespace}/{reference['name']}"
                raise ConfigError(f"couldn't find key {reference['key']} in {where}")
            return None if value is None else value.decode()
    if reference := source.get("fieldRef"):
        return _field(pod, reference["fieldPath"], address)
    raise ConfigError("the sandbox emulates no resourceFieldRef")


def _field(pod: Document, path: str, address: str) -> str:
    if path in ("status.podIP", "status.podIPs", "status.hostIP"):
        return "127.0.0.1" if path == "status.hostIP" else address
    if hit := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path):
        return str((pod["metadata"].get(hit[1]) or {}).get(hit[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return str(value)
