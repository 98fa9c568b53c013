"""The types of Kubernetes' built-in APIs, read from the definitions that ``kubernetes-validate`` carries."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from intermodal.sandbox.kubernetes.field_types import FieldType, Json
from intermodal.sandbox.kubernetes.validation import FieldError, errors_of

METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_FOLDER = re.compile(r"v(\d+)\.(\d+)\.(\d+)-local")


class Schemas:
    """The newest minor version that is installed. The file (1.5 MB) is read on first use."""

    @cached_property
    def _folder(self) -> tuple[tuple[int, ...], Traversable]:
        parent = files("kubernetes_validate") / "kubernetes-json-schema"
        matched = [(_FOLDER.fullmatch(folder.name), folder) for folder in parent.iterdir()]
        return max(
            ((tuple(map(int, match.groups())), folder) for match, folder in matched if match),
            key=lambda found: found[0],
        )

    @property
    def version(self) -> str:
        """The minor version of the types, such as ``1.37``."""
        return ".".join(map(str, self._folder[0][:2]))

    @cached_property
    def definitions(self) -> Mapping[str, Json]:
        found: Mapping[str, Json] = json.loads((self._folder[1] / "_definitions.json").read_text("utf-8"))["$defs"]
        return found

    @cached_property
    def _names(self) -> dict[tuple[str, str], str]:
        names = {}
        for name, definition in self.definitions.items():
            kinds = definition.get("x-kubernetes-group-version-kind", ())
            if len(kinds) != 1:
                continue  # Options of requests, such as DeleteOptions, belong to every group.
            group, version = kinds[0]["group"], kinds[0]["version"]
            names[f"{group}/{version}" if group else version, kinds[0]["kind"]] = name
        return names

    def of(self, api_version: str, kind: str) -> FieldType | None:
        """Type of an object; ``None`` for a kind that Kubernetes does not have, such as a custom resource."""
        name = self._names.get((api_version, kind))
        return None if name is None else self.named(name)

    def named(self, definition: str) -> FieldType:
        return FieldType({"$ref": f"#/$defs/{definition}"}, self.definitions)

    @cached_property
    def custom(self) -> FieldType:
        """Type of a custom resource without a schema: metadata is known, other maps are granular, lists atomic."""
        metadata = {"$ref": f"#/$defs/{METADATA}"}
        node = {"type": "object", "properties": {"metadata": metadata}, "x-kubernetes-preserve-unknown-fields": True}
        return FieldType(node, self.definitions)

    def of_document(self, document: Mapping[str, Any]) -> FieldType:
        """Type of ``document`` by its own ``apiVersion`` and ``kind``; ``custom`` when it is unknown."""
        return self.of(str(document.get("apiVersion", "")), str(document.get("kind", ""))) or self.custom

    def validate(self, document: Mapping[str, Any], strict: bool) -> list[FieldError]:
        """What the API server would refuse. ``strict`` reports unknown fields too (``fieldValidation=Strict``)."""
        return errors_of(document, self.of_document(document), strict=strict)
