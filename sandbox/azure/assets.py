"""What a deployment is made of: registered models, environments and datastores of the workspace."""

import re
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.arm import ROOT, ArmError, body_of, not_found
from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.state import State

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")
FIXED = {"models": "modelUri", "environments": "image"}
"""What cannot change in an asset version once it is registered."""
MODEL_URI = re.compile(rf"azureml:/{re.escape(ROOT)}/datastores/(\w+)/paths/(.+)", re.IGNORECASE)
BODIES = {"models": "ModelVersion", "environments": "EnvironmentVersion"}


@dataclass(frozen=True)
class Model:
    """A registered model version and where its files are."""

    name: str
    version: str
    account: str
    container: str
    path: str


@dataclass(frozen=True)
class Environment:
    """An image and the paths at which its server answers."""

    image: str
    readiness: str
    scoring: str


class Assets:
    def __init__(self, state: State) -> None:
        self._state = state
        self._table = state.table("assets")

    def routes(self) -> list[tuple[str, str, Any]]:
        """Verb, path below the workspace, handler."""
        version, container = (
            "/{kind:models|environments}/{name}/versions/{version}",
            "/{kind:models|environments}/{name}",
        )
        return [
            ("PUT", version, self._put_version),
            ("GET", f"{container}/versions", self._versions),
            ("GET", version, self._get),
            ("DELETE", version, self._delete),
            ("DELETE", container, self._delete),
            ("PUT", "/datastores/{name}", self._put_datastore),
            ("GET", "/datastores/{name}", self._get),
        ]

    def model(self, identifier: str) -> Model:
        """The model version with this resource id; StartFailed when it or its datastore is unknown."""
        document = self._by_id(identifier)
        uri = document["properties"].get("modelUri") or ""
        match = MODEL_URI.fullmatch(uri)
        if not match:
            raise StartFailed(f"InvalidModelUri: '{uri}' is not a datastore path of this workspace")
        datastore = self._table.get(f"{ROOT}/datastores/{match[1]}")
        if datastore is None:
            raise StartFailed(f"DatastoreNotFound: datastore '{match[1]}' of '{uri}' does not exist")
        known = datastore["properties"]
        name, version = identifier.split("/")[-3], document["name"]
        return Model(name, version, known["accountName"], known["containerName"], match[2].strip("/"))

    def environment(self, identifier: str) -> Environment:
        properties = self._by_id(identifier)["properties"]
        routes = properties.get("inferenceConfig") or {}
        if not properties.get("image") or not {"readinessRoute", "scoringRoute"} <= set(routes):
            raise StartFailed("InvalidEnvironment: only an image with readiness and scoring routes is emulated")
        return Environment(properties["image"], routes["readinessRoute"]["path"], routes["scoringRoute"]["path"])

    def known(self, identifier: str) -> bool:
        return identifier in self._table

    def _by_id(self, identifier: str) -> Any:
        if identifier not in self._table:
            raise StartFailed(f"ResourceNotFound: '{identifier}' does not exist")
        return self._table[identifier]

    async def _put_version(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        body = await body_of(request, BODIES[kind])
        fixed, old = FIXED[kind], self._table.get(request.path)
        if old and old["properties"].get(fixed) != body["properties"].get(fixed):
            raise ArmError(409, "Conflict", f"This version is registered with another {fixed}; register a new version.")
        return self._store(request, body, request.match_info["version"])

    async def _put_datastore(self, request: web.Request) -> web.Response:
        body = await body_of(request, "Datastore")
        if body["properties"]["datastoreType"] != "AzureBlob":
            raise ArmError(501, "NotImplemented", "The sandbox emulates AzureBlob datastores only.")
        missing = [key for key in ("accountName", "containerName") if not body["properties"].get(key)]
        if missing:
            raise ArmError(400, "ValidationError", f"{' and '.join(missing)} must be given for AzureBlob.")
        return self._store(request, body, request.match_info["name"])

    def _store(self, request: web.Request, body: dict[str, Any], name: str) -> web.Response:
        if not NAME.fullmatch(name) or not NAME.fullmatch(request.match_info["name"]):
            raise ArmError(400, "ValidationError", f"'{name}' is not a valid name.")
        fresh = request.path not in self._table
        kind = request.path.removeprefix(ROOT).split("/")[1]
        document: dict[str, Any] = {
            "id": request.path,
            "name": name,
            "type": f"Microsoft.MachineLearningServices/workspaces/{kind}",
        }
        document["properties"] = {**body["properties"], "provisioningState": "Succeeded"}
        if kind == "datastores":
            del document["properties"]["provisioningState"]
        self._table[request.path] = document
        self._state.save()
        return web.json_response(document, status=201 if fresh else 200)

    async def _get(self, request: web.Request) -> web.Response:
        if request.path not in self._table:
            raise not_found(request.path)
        return web.json_response(self._table[request.path])

    async def _versions(self, request: web.Request) -> web.Response:
        found = [document for path, document in sorted(self._table.items()) if path.startswith(f"{request.path}/")]
        return web.json_response({"value": found})

    async def _delete(self, request: web.Request) -> web.Response:
        """Delete one version, or a container with all its versions."""
        gone = [path for path in self._table if path == request.path or path.startswith(f"{request.path}/")]
        for path in gone:
            del self._table[path]
        self._state.save()
        return web.Response(status=200 if gone else 204)
