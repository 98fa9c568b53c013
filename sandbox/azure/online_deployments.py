"""Online deployments of the management API: what each runs, and its state."""

import json
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.arm import ArmError, Operations, body_of, not_found
from intermodal.sandbox.azure.assets import Assets
from intermodal.sandbox.azure.fleet import Fleet, seconds_of
from intermodal.sandbox.azure.online_endpoints import BUSY, NAME, OnlineEndpoints
from intermodal.sandbox.front import Context

LONGEST = 180
"""Seconds. Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online"""
NOT_EMULATED = ("codeConfiguration", "modelMountPath")
KIND = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"


class OnlineDeployments:
    def __init__(
        self, context: Context, fleet: Fleet, operations: Operations, assets: Assets, endpoints: OnlineEndpoints
    ) -> None:
        self._context, self._fleet, self._operations = context, fleet, operations
        self._assets, self._endpoints = assets, endpoints
        self._table = context.state.table("deployments")

    def routes(self) -> list[tuple[str, str, Any]]:
        every = "/onlineEndpoints/{endpoint}/deployments"
        named = f"{every}/{{deployment}}"
        return [
            ("GET", every, self._list),
            ("PUT", named, self._put),
            ("GET", named, self._get),
            ("DELETE", named, self._delete),
            ("POST", f"{named}/getLogs", self._logs),
        ]

    def _record(self, request: web.Request) -> dict[str, Any]:
        self._endpoints.record(request)
        found = self._table.get(_key(request))
        if found is None:
            raise not_found(request.path)
        return dict(found)

    async def _list(self, request: web.Request) -> web.Response:
        self._endpoints.record(request)
        found = self._endpoints.deployments(request.match_info["endpoint"])
        return web.json_response({"value": [self._table[key]["doc"] for key in sorted(found)]})

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._record(request)["doc"])

    async def _put(self, request: web.Request) -> web.Response:
        endpoint = self._endpoints.record(request)["doc"]
        key, name = _key(request), request.match_info["deployment"]
        body = await body_of(request, "OnlineDeployment")
        old = self._table.get(key)
        states = [
            document["properties"]["provisioningState"] for document in (endpoint, *([old["doc"]] if old else []))
        ]
        if any(state in BUSY for state in states):
            raise ArmError(409, "Conflict", f"Another operation runs on deployment '{name}' or its endpoint.")
        self._check(name, endpoint, body)
        document = {
            "id": request.path,
            "name": name,
            "type": KIND,
            "location": body["location"],
            **{part: body[part] for part in ("tags", "identity", "kind") if body.get(part) is not None},
            "sku": body["sku"],
            "properties": {**body["properties"], "provisioningState": "Updating" if old else "Creating"},
        }
        operation = self._operations.begin()
        self._table[key] = {"doc": document, "operation": operation, "reason": ""}
        self._context.state.save()
        self._fleet.begin(key)
        headers = self._operations.headers(request, operation)
        return web.json_response(document, status=200 if old else 201, headers=headers)

    def _check(self, name: str, endpoint: dict[str, Any], body: dict[str, Any]) -> None:
        properties, sku = body["properties"], body.get("sku") or {}
        settings = properties.get("requestSettings") or {}
        if not NAME.fullmatch(name):
            raise ArmError(400, "BadArgument", f"'{name}' is no deployment name: 3 to 32 letters, digits and hyphens.")
        if body["location"] != endpoint["location"]:
            raise ArmError(400, "LocationMismatch", "A deployment must be in its endpoint's location.")
        if properties["endpointComputeType"] != "Managed" or any(properties.get(part) for part in NOT_EMULATED):
            raise ArmError(501, "NotImplemented", f"The sandbox emulates Managed, without {', '.join(NOT_EMULATED)}.")
        if not properties.get("instanceType") or not sku.get("capacity", 0) > 0:
            raise ArmError(400, "BadArgument", "instanceType and a positive sku.capacity are required.")
        if (properties.get("scaleSettings") or {}).get("scaleType", "Default") != "Default":
            raise ArmError(400, "BadArgument", "A managed deployment takes scaleType Default only.")
        if not 0 < seconds_of(settings.get("requestTimeout", "PT5S")) <= LONGEST:
            raise ArmError(400, "BadArgument", f"requestTimeout must be more than 0 and at most {LONGEST} s.")
        for part in ("model", "environmentId"):
            if not self._assets.known(properties.get(part) or ""):
                raise ArmError(400, "BadArgument", f"{part} '{properties.get(part)}' does not exist.")

    async def _delete(self, request: web.Request) -> web.Response:
        key = _key(request)
        if key not in self._table:
            return web.Response(status=204)
        endpoint = self._endpoints.record(request)["doc"]
        if (endpoint["properties"].get("traffic") or {}).get(request.match_info["deployment"]):
            raise ArmError(400, "BadArgument", "The deployment has traffic: set its share to 0 first.")
        self._table[key]["doc"]["properties"]["provisioningState"] = "Deleting"
        operation = self._operations.begin()
        self._context.state.save()
        self._context.spawn(self._remove(key, operation))
        return web.Response(status=202, headers=self._operations.headers(request, operation))

    async def _remove(self, key: str, operation: str) -> None:
        await self._fleet.end(key)
        self._table.pop(key, None)
        self._operations.end(operation)

    async def _logs(self, request: web.Request) -> web.Response:
        """Why it failed, if it did, and what its container wrote."""
        record = self._record(request)
        await body_of(request, "DeploymentLogsRequest")
        lines = int(json.loads(await request.read()).get("tail") or 100)
        content = "\n".join(part for part in (record["reason"], self._fleet.log(_key(request), lines)) if part)
        return web.json_response({"content": content})


def _key(request: web.Request) -> str:
    return f"{request.match_info['endpoint']}/{request.match_info['deployment']}"
