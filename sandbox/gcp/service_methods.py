"""The methods of Cloud Run services, behind the check of their requests: (names in the path, query, body) → answer."""

from typing import Any

from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import services
from intermodal.sandbox.gcp.checked import PARENT
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.identity import base_url
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.revisions import Revisions
from intermodal.sandbox.gcp.services import SERVICE_TYPE

Json = dict[str, Any]


class ServiceMethods:
    """Services are records in the state's table "services": {"service", "policy", "serving"}."""

    def __init__(self, context: Context, operations: Operations, revisions: Revisions) -> None:
        self._context, self._operations, self._revisions = context, operations, revisions
        self._records = context.state.table("services")

    def _record(self, name: str) -> Json:
        if name not in self._records:
            raise ApiError(
                "NOT_FOUND", f"Resource '{name.rsplit('/', 1)[1]}' of kind 'SERVICE' in {PARENT} does not exist."
            )
        record: Json = self._records[name]
        return record

    async def create(self, names: dict[str, str], query: Any, body: Json) -> Json:
        service_id = query.get("serviceId", "")
        services.check_id(service_id)
        name = f"{names['parent']}/services/{service_id}"
        if name in self._records:
            raise ApiError("ALREADY_EXISTS", f"Resource '{service_id}' already exists.")
        uri = f"{base_url(self._context.settings)}/run/{service_id}"
        self._records[name] = {"service": services.created(name, uri, body), "policy": {"version": 1, "etag": "ACAB"}}
        return self._begin(name)

    async def patch(self, names: dict[str, str], query: Any, body: Json) -> Json:
        name = names["name"]
        if name not in self._records and query.get("allowMissing") == "true":
            return await self.create({"parent": PARENT}, {"serviceId": name.rsplit("/", 1)[1]}, body)
        record = self._record(name)
        old = record["service"]
        self._check_etag(old, body.get("etag"))
        new = services.changed(old, body)
        revision = services.pinned(new)
        if revision and revision not in record.get("revisions", {}):
            raise ApiError("INVALID_ARGUMENT", f"Revision '{revision}' in 'traffic' does not exist or is not ready.")
        record["service"] = new
        fresh = new["latestCreatedRevision"] != old["latestCreatedRevision"]
        moved = any(rule(new) != rule(old) for rule in (services.pinned, services.stopped))
        if fresh or moved or old["reconciling"]:
            return self._begin(name, start=fresh or moved)
        unchanged = {"reconciling": False, "terminalCondition": old["terminalCondition"]}
        record["service"] |= unchanged | {"observedGeneration": record["service"]["generation"]}
        operation = self._operations.begin(record["service"])
        self._operations.finish(name, record["service"])
        self._context.state.save()
        return operation

    def _begin(self, name: str, *, start: bool = True) -> Json:
        operation = self._operations.begin(self._records[name]["service"])
        self._context.state.save()
        if start:
            self._context.spawn(self._revisions.roll_out(name))
        return operation

    async def get(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return dict(self._record(names["name"])["service"])

    async def list(self, _names: dict[str, str], query: Any, _body: None) -> Json:
        try:
            size, start = int(query.get("pageSize") or 100), int(query.get("pageToken") or 0)
        except ValueError as error:
            raise ApiError("INVALID_ARGUMENT", f"pageSize and pageToken: {error}") from error
        names = sorted(self._records)
        page = [self._records[name]["service"] for name in names[start : start + size]]
        return {"services": page} | ({"nextPageToken": str(start + size)} if start + size < len(names) else {})

    async def delete(self, names: dict[str, str], query: Any, _body: None) -> Json:
        name = names["name"]
        record = self._record(name)
        self._check_etag(record["service"], query.get("etag"))
        del self._records[name]
        self._operations.finish(name, services.failed(record["service"], "The service was deleted."))
        operation = self._operations.begin(record["service"] | {"deleteTime": services.now()})
        self._context.spawn(self._finish_delete(name, record, operation))
        self._context.state.save()
        return dict(operation)

    async def _finish_delete(self, name: str, record: Json, operation: Json) -> None:
        await self._revisions.remove(name)
        operation |= {"done": True, "response": {"@type": SERVICE_TYPE, **record["service"]}}
        self._context.state.save()

    async def get_policy(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return dict(self._record(names["resource"])["policy"])

    async def set_policy(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        record = self._record(names["resource"])
        record["policy"] = {
            "version": 1,
            "etag": services.etag().strip('"'),
            "bindings": body["policy"].get("bindings", []),
        }
        self._context.state.save()
        return dict(record["policy"])

    async def operation(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return self._operations.get(names["name"])

    async def wait(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        try:
            seconds = float(str(body.get("timeout", "60s")).removesuffix("s"))
        except ValueError as error:
            raise ApiError("INVALID_ARGUMENT", f"timeout: {error}") from error
        return await self._operations.wait(names["name"], min(seconds, 600))

    @staticmethod
    def _check_etag(service: Json, etag: str | None) -> None:
        if etag and etag != service["etag"]:
            raise ApiError("ABORTED", f"Conflict for resource '{service['name']}': the etag is not the current one.")
