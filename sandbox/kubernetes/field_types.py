"""The type of one field of a Kubernetes object, as its API describes it: what merges, validation and ownership ask.

Source of the defaults: kube-openapi ``pkg/schemaconv``. A list is atomic unless it says otherwise, an object is
granular unless it says ``x-kubernetes-map-type: atomic``, and what has no description is granular with atomic lists.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Json = dict[str, Any]
ListType = Literal["map", "set", "atomic"]
KEY_DEFAULTS = {"protocol": "TCP"}
"""Keys of list items that a client may leave out. The published definitions lose ``default``; this is the only one."""
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


@dataclass(frozen=True)
class FieldType:
    """``node`` is a JSON schema whose references are names in ``definitions``; they are followed on first use."""

    node: Mapping[str, Any]
    definitions: Mapping[str, Json]

    @cached_property
    def name(self) -> str:
        """Name of the definition that is referred to; empty for a type that is written in place."""
        return str(self.node.get("$ref", "")).rpartition("/")[2]

    @cached_property
    def _resolved(self) -> Mapping[str, Any]:
        return self.definitions[self.name] if self.name else self.node

    @cached_property
    def json_type(self) -> str:
        """``object``, ``array``, ``string``, ``integer``, ``number``, ``boolean``; empty for any value."""
        kinds = self._resolved.get("type", "")
        return str(kinds if isinstance(kinds, str) else next((kind for kind in kinds if kind != "null"), ""))

    @property
    def format(self) -> str:
        return str(self._resolved.get("format", ""))

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self._resolved.get("required", ()))

    @property
    def allowed(self) -> tuple[Any, ...]:
        return tuple(self._resolved.get("enum", ()))

    @property
    def fields(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._resolved.get("properties", {})
        return found

    @property
    def open(self) -> bool:
        """Whether unknown fields are kept: a type without a description of its fields, or one that says so."""
        return not self.fields or bool(self._resolved.get("x-kubernetes-preserve-unknown-fields"))

    def field(self, name: str) -> "FieldType | None":
        """Type of a field or of a map's value; ``None`` when the type does not have it."""
        if name in self.fields:
            return FieldType(self.fields[name], self.definitions)
        values = self._resolved.get("additionalProperties")
        if isinstance(values, Mapping):
            return FieldType(values, self.definitions)
        return FieldType({}, self.definitions) if self.open else None

    def field_or_open(self, name: str) -> "FieldType":
        return self.field(name) or FieldType({}, self.definitions)

    @cached_property
    def items(self) -> "FieldType":
        return FieldType(self._resolved.get("items", {}), self.definitions)

    @property
    def atomic(self) -> bool:
        """Whether an object of this type is replaced and owned as a whole."""
        return "atomic" in (self.node.get("x-kubernetes-map-type"), self._resolved.get("x-kubernetes-map-type"))

    @cached_property
    def list_type(self) -> ListType:
        stated = self.node.get("x-kubernetes-list-type")
        if stated in ("map", "set", "atomic"):
            found: ListType = stated
            return found
        if "merge" not in self.patch_strategies:
            return "atomic"
        return "map" if self.merge_key else "set"

    @property
    def list_keys(self) -> tuple[str, ...]:
        """Keys that name an item of a list of type ``map``."""
        return tuple(self.node.get("x-kubernetes-list-map-keys", ())) or ((self.merge_key,) if self.merge_key else ())

    @property
    def merge_key(self) -> str:
        """Key of a strategic merge patch; unlike ``list_keys`` it is always one."""
        return str(self.node.get("x-kubernetes-patch-merge-key", ""))

    @property
    def patch_strategies(self) -> frozenset[str]:
        stated = str(self.node.get("x-kubernetes-patch-strategy", ""))
        return frozenset(stated.split(",")) if stated else frozenset()
