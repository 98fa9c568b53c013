"""Online endpoints of the management API: names, traffic and keys. What answers behind them is a deployment."""

import re
import secrets
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.arm import ROOT, ArmError, Operations, body_of, not_found
from intermodal.sandbox.azure.fleet import Fleet
from intermodal.sandbox.azure.identity import REGION
from intermodal.sandbox.front import Context

NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
"""3 to 32 characters. Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-online"""
PAGE = 30
BUSY = ("Creating", "Updating", "Deleting")
KEPT = ("authMode", "description", "properties", "publicNetworkAccess", "traffic")
KIND = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"


class OnlineEndpoints:
    def __init__(self, context: Context, fleet: Fleet, operations: Operations) -> None:
        self._context, self._fleet, self._operations = context, fleet, operations
        self._table = context.state.table("endpoints")
        self._deployments = context.state.table("deployments")

    def routes(self) -> list[tuple[str, str, Any]]:
        named = "/onlineEndpoints/{endpoint}"
        return [
            ("GET", "/onlineEndpoints", self._list),
            ("PUT", named, self._put),
            ("PATCH", named, self._patch),
            ("GET", named, self._get),
            ("DELETE", named, self._delete),
            ("POST", f"{named}/listKeys", self._keys),
            ("POST", f"{named}/regenerateKeys", self._regenerate),
        ]

    async def resume(self) -> None:
        """After an outage: finish the operations under way, deletions too."""
        for name, record in list(self._table.items()):
            if record["doc"]["properties"]["provisioningState"] == "Deleting":
                await self._remove(name, self._operations.begin())
            else:
                record["doc"]["properties"]["provisioningState"] = "Succeeded"

    def record(self, request: web.Request) -> dict[str, Any]:
        """The endpoint that the request names; ArmError 404 when there is none."""
        found = self._table.get(request.match_info["endpoint"])
        if found is None:
            raise not_found(f"{ROOT}/onlineEndpoints/{request.match_info['endpoint']}")
        return dict(found)

    def deployments(self, endpoint: str) -> list[str]:
        return [key for key in self._deployments if key.startswith(f"{endpoint}/")]

    async def _list(self, request: web.Request) -> web.Response:
        wanted = [part.partition("=") for part in request.query.get("tags", "").split(",") if part]
        found = [
            record["doc"]
            for name, record in sorted(self._table.items())
            if request.query.get("name") in (None, name) and _tagged(record["doc"].get("tags") or {}, wanted)
        ]
        count, start = int(request.query.get("count", PAGE)), int(request.query.get("$skip", 0))
        page: dict[str, Any] = {"value": found[start : start + count]}
        if start + count < len(found):
            page["nextLink"] = str(request.url.update_query({"$skip": str(start + count)}))
        return web.json_response(page)

    async def _put(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        body = await body_of(request, "OnlineEndpoint")
        old = self._table.get(name)
        self._check(name, body, old)
        state = "Updating" if old else "Creating"
        properties = {key: body["properties"][key] for key in KEPT if body["properties"].get(key) is not None}
        document = {
            **{key: body[key] for key in ("tags", "kind", "identity", "location") if body.get(key) is not None},
            "id": request.path,
            "name": name,
            "type": KIND,
            "properties": {**properties, "scoringUri": self._scoring_uri(request, name), "provisioningState": state},
        }
        keys = old["keys"] if old else body["properties"].get("keys") or _new_keys()
        record = self._table[name] = {"doc": document, "keys": keys}
        operation = self._operations.begin()
        self._context.state.save()
        self._context.spawn(self._succeed(record, operation))
        headers = self._operations.headers(request, operation)
        return web.json_response(document, status=200 if old else 201, headers=headers)

    def _check(self, name: str, body: dict[str, Any], old: dict[str, Any] | None) -> None:
        properties, traffic = body["properties"], body["properties"].get("traffic") or {}
        if not NAME.fullmatch(name):
            raise ArmError(400, "BadArgument", f"'{name}' is no endpoint name: 3 to 32 letters, digits and hyphens.")
        if old and old["doc"]["properties"]["provisioningState"] in BUSY:
            raise ArmError(409, "Conflict", f"Another operation runs on endpoint '{name}'.")
        if body["location"] != REGION:
            raise ArmError(400, "LocationMismatch", f"The workspace is in {REGION}, not in {body['location']}.")
        if properties["authMode"].lower() != "key" or properties.get("mirrorTraffic") or properties.get("compute"):
            raise ArmError(501, "NotImplemented", "The sandbox emulates authMode Key, no mirrorTraffic, no compute.")
        if any(share < 0 for share in traffic.values()) or sum(traffic.values()) > 100:
            raise ArmError(400, "BadArgument", f"Traffic must add up to 0 to 100: {traffic}.")
        for deployment, share in traffic.items():
            found = self._deployments.get(f"{name}/{deployment}")
            if found is None or (share and found["doc"]["properties"]["provisioningState"] == "Deleting"):
                raise ArmError(400, "BadArgument", f"Traffic names deployment '{deployment}', which does not exist.")

    async def _succeed(self, record: dict[str, Any], operation: str) -> None:
        record["doc"]["properties"]["provisioningState"] = "Succeeded"
        self._operations.end(operation)

    async def _patch(self, request: web.Request) -> web.Response:
        body = await body_of(request, "PartialMinimalTrackedResourceWithIdentity")
        document = self.record(request)["doc"]
        document |= {key: body[key] for key in ("tags", "identity") if body.get(key) is not None}
        self._context.state.save()
        return web.json_response(document)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.record(request)["doc"])

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["endpoint"]
        if name not in self._table:
            return web.Response(status=204)
        self._table[name]["doc"]["properties"]["provisioningState"] = "Deleting"
        operation = self._operations.begin()
        self._context.state.save()
        self._context.spawn(self._remove(name, operation))
        return web.Response(status=202, headers=self._operations.headers(request, operation))

    async def _remove(self, name: str, operation: str) -> None:
        for key in self.deployments(name):
            await self._fleet.end(key)
            self._deployments.pop(key, None)
        self._table.pop(name, None)
        self._operations.end(operation)

    async def _keys(self, request: web.Request) -> web.Response:
        keys = self.record(request)["keys"]
        return web.json_response({"primaryKey": keys["primaryKey"], "secondaryKey": keys["secondaryKey"]})

    async def _regenerate(self, request: web.Request) -> web.Response:
        body = await body_of(request, "RegenerateEndpointKeysRequest")
        which = "primaryKey" if body["keyType"].lower() == "primary" else "secondaryKey"
        self.record(request)["keys"][which] = body.get("keyValue") or secrets.token_urlsafe(24)
        self._context.state.save()
        return web.Response(status=200)

    def _scoring_uri(self, request: web.Request, name: str) -> str:
        return f"{request.scheme}://127.0.0.1:{self._context.port}/online-endpoints/{name}/score"


def _new_keys() -> dict[str, str]:
    return {"primaryKey": secrets.token_urlsafe(24), "secondaryKey": secrets.token_urlsafe(24)}


def _tagged(tags: dict[str, str], wanted: list[tuple[str, str, str]]) -> bool:
    return all(key in tags and (not equals or tags[key] == value) for key, equals, value in wanted)
