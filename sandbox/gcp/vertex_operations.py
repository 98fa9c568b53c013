"""Vertex AI's long-running operations, below the endpoint or the model that they change."""

import secrets
from typing import Any

from intermodal.sandbox.gcp.errors import RPC_CODE, ApiError
from intermodal.sandbox.gcp.services import now

Json = dict[str, Any]
REMEMBERED = 200
TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."


class VertexOperations:
    """``table`` maps an operation's name to {"operation": its document, "kind": ..., "work": what continues it}."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table

    def begin(self, resource: str, kind: str, work: Json | None = None) -> str:
        """The name of a new operation of ``kind`` (``DeployModel``). ``work`` survives an outage."""
        for old in [key for key, entry in self._table.items() if entry["operation"]["done"]][: -REMEMBERED or None]:
            del self._table[old]
        name = f"{resource}/operations/{secrets.randbelow(9 * 10**17) + 10**17}"
        generic = {"createTime": now(), "updateTime": now()}
        metadata = {"@type": f"{TYPES}{kind}OperationMetadata", "genericMetadata": generic}
        self._table[name] = {
            "kind": kind,
            "work": work,
            "operation": {"name": name, "done": False, "metadata": metadata},
        }
        return name

    def finish(self, name: str, response: Json | None = None, error: str = "") -> Json:
        operation: Json = self._table[name]["operation"]
        outcome: Json = (
            {"error": {"code": RPC_CODE["FAILED_PRECONDITION"], "message": error}}
            if error
            else {"response": {"@type": f"{TYPES}{self._table[name]['kind']}Response", **(response or {})}}
        )
        operation |= {"done": True, **outcome}
        operation["metadata"]["genericMetadata"]["updateTime"] = now()
        return operation

    def get(self, name: str) -> Json:
        if name not in self._table:
            raise ApiError("NOT_FOUND", f"Operation '{name}' was not found.")
        return dict(self._table[name]["operation"])

    def of(self, resource: str) -> list[Json]:
        below = f"{resource}/operations/"
        return [dict(entry["operation"]) for name, entry in self._table.items() if name.startswith(below)]

    def require_idle(self, resource: str) -> None:
        """Changes of one endpoint's deployments run one after the other."""
        if busy := [operation["name"] for operation in self.of(resource) if not operation["done"]]:
            raise ApiError("FAILED_PRECONDITION", f"There are other operations running on {resource}: {busy}.")

    def unfinished(self) -> list[tuple[str, str, Json]]:
        """(name, kind, work) of each."""
        return [
            (name, entry["kind"], entry["work"] or {})
            for name, entry in self._table.items()
            if not entry["operation"]["done"]
        ]
