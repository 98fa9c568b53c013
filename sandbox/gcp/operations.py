"""Long-running operations: done only when the revision is ready or failed. https://google.aip.dev/151"""

import asyncio
import uuid
from typing import Any

from intermodal.sandbox.gcp.errors import RPC_CODE, ApiError
from intermodal.sandbox.gcp.services import SERVICE_TYPE

Json = dict[str, Any]
REMEMBERED = 200


class Operations:
    """``table`` maps an operation's name to {"service": its service's name, "operation": the document}."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table

    def begin(self, service: Json) -> Json:
        parent = service["name"].split("/services/")[0]
        name = f"{parent}/operations/{uuid.uuid4()}"
        document = {"name": name, "done": False, "metadata": {"@type": SERVICE_TYPE, **service}}
        for old in [key for key, entry in self._table.items() if entry["operation"]["done"]][: -REMEMBERED or None]:
            del self._table[old]
        self._table[name] = {"service": service["name"], "operation": document}
        return document

    def finish(self, service_name: str, service: Json) -> None:
        """End each unfinished operation of this service with its outcome."""
        for entry in self._table.values():
            if entry["service"] != service_name or entry["operation"]["done"]:
                continue
            entry["operation"] |= {"done": True, "metadata": {"@type": SERVICE_TYPE, **service}}
            terminal = service["terminalCondition"]
            if terminal["state"] == "CONDITION_FAILED":
                entry["operation"]["error"] = {"code": RPC_CODE["FAILED_PRECONDITION"], "message": terminal["message"]}
            else:
                entry["operation"]["response"] = {"@type": SERVICE_TYPE, **service}

    def get(self, name: str) -> Json:
        if name not in self._table:
            raise ApiError("NOT_FOUND", f"Operation '{name}' was not found.")
        return dict(self._table[name]["operation"])

    async def wait(self, name: str, seconds: float) -> Json:
        deadline = asyncio.get_running_loop().time() + seconds
        while not (found := self.get(name))["done"] and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        return found
