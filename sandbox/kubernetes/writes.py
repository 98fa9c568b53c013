"""Parts of a write: its options, and what an update keeps of the stored object."""

import copy
from dataclasses import dataclass
from typing import Any, Literal

from intermodal.sandbox.kubernetes.store import Document

Validation = Literal["Strict", "Warn", "Ignore"]


@dataclass
class Options:
    """Of one write. ``warnings`` receives what the answer's Warning headers say; ``applied``: the change has brought
    its own managedFields."""

    manager: str = "sandbox-controller"
    dry_run: bool = False
    validation: Validation = "Warn"
    applied: bool = False
    warnings: list[str] | None = None

    def warn(self, text: str) -> None:
        if self.warnings is not None:
            self.warnings.append(text)


def status_of(wanted: Document, before: Document) -> Document:
    """A write of /status changes nothing else."""
    after = copy.deepcopy(before)
    after.pop("status", None)
    if "status" in wanted:
        after["status"] = wanted["status"]
    if "managedFields" in wanted["metadata"]:
        after["metadata"]["managedFields"] = wanted["metadata"]["managedFields"]
    return after


def same(before: Document, after: Document) -> bool:
    """An update that changes nothing writes nothing. Times of managers alone are no change."""

    def bare(document: Document) -> Document:
        fields = [
            {name: value for name, value in item.items() if name != "time"}
            for item in document["metadata"].get("managedFields") or []
        ]
        hidden: dict[str, Any] = {"managedFields": fields, "resourceVersion": ""}
        return document | {"metadata": document["metadata"] | hidden}

    return bare(before) == bare(after)


def keep_addresses(spec: Document, old: Document) -> None:
    """A client may leave out what was allocated."""
    for name in ("clusterIP", "clusterIPs"):
        if not spec.get(name) and old.get(name) and spec.get("type") != "ExternalName":
            spec[name] = old[name]
    numbers = {(port.get("name"), port.get("port")): port.get("nodePort") for port in old.get("ports") or []}
    for port in spec.get("ports") or []:
        if not port.get("nodePort") and (number := numbers.get((port.get("name"), port.get("port")))):
            port["nodePort"] = number
