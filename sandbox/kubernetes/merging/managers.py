"""Who owns which fields of an object: the entries of ``metadata.managedFields``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from intermodal.sandbox.kubernetes.field_types import Json
from intermodal.sandbox.kubernetes.merging.fields import Fields, Path, below, decode, encode

Operation = Literal["Apply", "Update"]
METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
)
UNOWNED: Fields = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)} | {("f:metadata", f"f:{name}") for name in METADATA}
)
"""Never recorded (``stripmeta.go``)."""
IGNORED: Mapping[str, Fields] = {
    "status": frozenset({("f:spec",), ("f:metadata", "f:labels")}),
}
"""What a write to a subresource cannot change (``GetResetFields`` of ``registry/apps/deployment``)."""
STATUS: Fields = frozenset({("f:status",)})


@dataclass(frozen=True)
class Entry:
    """``time`` is when the set last changed (RFC 3339)."""

    manager: str
    operation: Operation
    api_version: str
    subresource: str
    fields: Fields
    time: str

    @property
    def key(self) -> tuple[str, ...]:
        """One entry for each; who applies has one for all versions."""
        version = self.api_version if self.operation == "Update" else ""
        return self.manager, self.operation, version, self.subresource

    @property
    def printed(self) -> str:
        """As a conflict names it."""
        part = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.manager}"{part}' + (f" using {self.api_version}" if self.operation == "Update" else "")

    def without(self, fields: Iterable[Path]) -> "Entry":
        return replace(self, fields=self.fields.difference(fields))


Entries = dict[tuple[str, ...], Entry]


def read(document: Mapping[str, Any]) -> Entries:
    """Entries of an object; those that are not FieldsV1 are dropped, as the API server drops them."""
    found: Entries = {}
    for entry in document.get("metadata", {}).get("managedFields") or ():
        if entry.get("fieldsType") == "FieldsV1":
            fields = decode(entry.get("fieldsV1", {}))
            subresource, time = entry.get("subresource", ""), entry.get("time", "")
            read_entry = Entry(entry["manager"], entry["operation"], entry["apiVersion"], subresource, fields, time)
            found[read_entry.key] = read_entry
    return found


def write(document: Json, entries: Entries) -> Json:
    """Copy of ``document`` with these entries; without any, the field is absent."""
    metadata = {name: value for name, value in document.get("metadata", {}).items() if name != "managedFields"}
    if entries:
        ordered = sorted(entries.values(), key=lambda entry: (entry.operation, entry.time, entry.key))
        metadata["managedFields"] = [_encoded(entry) for entry in ordered]
    return document | ({"metadata": metadata} if metadata or "metadata" in document else {})


def _encoded(entry: Entry) -> Json:
    encoded = {
        "manager": entry.manager,
        "operation": entry.operation,
        "apiVersion": entry.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": encode(entry.fields),
    }
    return encoded | ({"subresource": entry.subresource} if entry.subresource else {})


def kept(entries: Iterable[Entry]) -> Entries:
    """Entries that own something, without what is never recorded."""
    stripped = [entry.without(UNOWNED) for entry in entries]
    return {entry.key: entry for entry in stripped if entry.fields}


def ignored(fields: Fields, subresource: str) -> Fields:
    """Those of ``fields`` that a write to ``subresource`` does not reach: the object's own verbs, not its status."""
    return below(fields, IGNORED.get(subresource, STATUS))
