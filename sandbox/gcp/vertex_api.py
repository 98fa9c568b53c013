"""Vertex AI's API v1: endpoints, models and their operations. What is not here answers 501."""

from typing import Any
from urllib.parse import urlsplit

from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import vertex_documents as documents
from intermodal.sandbox.gcp.checked import CheckedApi, Handlers
from intermodal.sandbox.gcp.errors import ApiError
from intermodal.sandbox.gcp.services import etag, now
from intermodal.sandbox.gcp.storage import Storage
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.gcp.vertex_deployments import Deployments
from intermodal.sandbox.gcp.vertex_operations import VertexOperations

Json = dict[str, Any]
SCHEMA = "GoogleCloudAiplatformV1"
PAGES = {"pageSize", "pageToken"}


def vertex_api(
    context: Context, tokens: Tokens, storage: Storage, operations: VertexOperations, deployments: Deployments
) -> CheckedApi:
    methods = _Methods(context, storage, operations, deployments)
    handlers: Handlers = {
        "endpoints.create": (methods.create, {"endpointId"}),
        "endpoints.get": (methods.get, set()),
        "endpoints.list": (methods.list, PAGES | {"filter"}),
        "endpoints.patch": (methods.patch, {"updateMask"}),
        "endpoints.delete": (methods.delete, set()),
        "endpoints.deployModel": (methods.deploy, set()),
        "endpoints.undeployModel": (methods.undeploy, set()),
        "endpoints.rawPredict": (methods.refuse_shared, set()),
        "endpoints.operations.get": (methods.operation, set()),
        "endpoints.operations.list": (methods.operations, PAGES),
        "models.upload": (methods.upload, set()),
        "models.get": (methods.get_model, set()),
        "models.list": (methods.models, PAGES | {"filter"}),
        "models.delete": (methods.delete_model, set()),
        "models.operations.get": (methods.operation, set()),
    }
    rules = {
        f"{SCHEMA}UploadModelRequest": documents.check_upload,
        f"{SCHEMA}DeployModelRequest": documents.check_deploy,
    }
    prefix = "aiplatform.projects.locations."
    return CheckedApi("aiplatform.v1", "aiplatform.googleapis.com", prefix, tokens, handlers, rules)


class _Methods:
    """Endpoints and models are records in the state: {"endpoint": document} and {"model": document}."""

    def __init__(
        self, context: Context, storage: Storage, operations: VertexOperations, deployments: Deployments
    ) -> None:
        self._context, self._storage = context, storage
        self._operations, self._deployments = operations, deployments
        self._endpoints, self._models = context.state.table("vertex_endpoints"), context.state.table("vertex_models")

    def _found(self, table: dict[str, Any], kind: str, name: str) -> Json:
        if name not in table:
            raise ApiError("NOT_FOUND", f"{kind.title()} `{name}` not found.")
        document: Json = table[name][kind]
        return document

    async def create(self, names: dict[str, str], query: Any, body: Json) -> Json:
        endpoint_id = query.get("endpointId", "")
        documents.check_endpoint_id(endpoint_id)
        name = f"{names['parent']}/endpoints/{endpoint_id}"
        if name in self._endpoints:
            raise ApiError("ALREADY_EXISTS", f"Endpoint `{name}` already exists.")
        self._endpoints[name] = {"endpoint": documents.new_endpoint(name, body)}
        return self._done(name, "CreateEndpoint", self._endpoints[name]["endpoint"])

    async def get(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return dict(self._found(self._endpoints, "endpoint", names["name"]))

    async def list(self, _names: dict[str, str], query: Any, _body: None) -> Json:
        return documents.page("endpoints", [self._endpoints[n]["endpoint"] for n in sorted(self._endpoints)], query)

    async def patch(self, names: dict[str, str], query: Any, body: Json) -> Json:
        old = self._found(self._endpoints, "endpoint", names["name"])
        self._endpoints[names["name"]]["endpoint"] = documents.patched(old, body, query.get("updateMask", ""))
        self._context.state.save()
        return dict(self._endpoints[names["name"]]["endpoint"])

    async def delete(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        name = names["name"]
        endpoint = self._found(self._endpoints, "endpoint", name)
        self._operations.require_idle(name)
        if endpoint.get("deployedModels"):
            raise ApiError("FAILED_PRECONDITION", f"The Endpoint {name} has deployed models: undeploy them first.")
        del self._endpoints[name]
        return self._done(name, "DeleteEndpoint", {})

    async def deploy(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        name, model = names["endpoint"], body["deployedModel"].get("model", "")
        endpoint = self._found(self._endpoints, "endpoint", name)
        self._found(self._models, "model", model.partition("@")[0])
        self._operations.require_idle(name)
        documents.check_split(
            body.get("trafficSplit", {}), {"0"} | {o["id"] for o in endpoint.get("deployedModels", [])}
        )
        operation = self._operations.begin(name, "DeployModel", {"endpoint": name, "body": body})
        self._context.state.save()
        self._context.spawn(self._deployments.deploy(operation, name, body))
        return self._operations.get(operation)

    async def undeploy(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        name, gone = names["endpoint"], body["deployedModelId"]
        endpoint = self._found(self._endpoints, "endpoint", name)
        self._operations.require_idle(name)
        others = {each["id"] for each in endpoint.get("deployedModels", [])} - {gone}
        if self._deployments.find(name, gone) is None:
            raise ApiError("NOT_FOUND", f"DeployedModel '{gone}' was not found in {name}.")
        split = body.get("trafficSplit") or endpoint.get("trafficSplit", {})
        if others and int(split.get(gone, 0)):
            raise ApiError("FAILED_PRECONDITION", f"DeployedModel '{gone}' has traffic: move it first.")
        documents.check_split(body.get("trafficSplit", {}), others | {gone})
        operation = self._operations.begin(name, "UndeployModel", {"endpoint": name, "body": body})
        self._context.state.save()
        self._context.spawn(self._deployments.undeploy(operation, name, body))
        return self._operations.get(operation)

    async def refuse_shared(self, names: dict[str, str], _query: Any, _body: Json) -> Json:
        raise ApiError(
            "FAILED_PRECONDITION",
            f"{names['endpoint']} is a dedicated endpoint. It is called at its dedicated domain, not at this one.",
        )

    async def upload(self, names: dict[str, str], _query: Any, body: Json) -> Json:
        name = f"{names['parent']}/models/{body['modelId']}"
        if name in self._models or any(not each["done"] for each in self._operations.of(name)):
            raise ApiError("ALREADY_EXISTS", f"Model `{name}` already exists.")
        operation = self._operations.begin(name, "UploadModel")
        self._context.state.save()
        self._context.spawn(self._ingest(operation, name, body["model"]))
        return self._operations.get(operation)

    async def _ingest(self, operation: str, name: str, model: Json) -> None:
        """Vertex AI reads the artifacts when a model is uploaded."""
        source = urlsplit(model["artifactUri"])
        try:
            await self._storage.names(source.netloc, source.path.strip("/"))
        except StartFailed as error:
            self._operations.finish(operation, error=f"The artifacts cannot be read: {error}")
        else:
            moments = {"createTime": now(), "updateTime": now(), "etag": etag(), "versionId": "1"}
            self._models[name] = {"model": {**model, "name": name, **moments}}
            self._operations.finish(operation, {"model": name, "modelVersionId": "1"})
        self._context.state.save()

    async def get_model(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return _readable(self._found(self._models, "model", names["name"]))

    async def models(self, _names: dict[str, str], query: Any, _body: None) -> Json:
        return documents.page("models", [_readable(self._models[n]["model"]) for n in sorted(self._models)], query)

    async def delete_model(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        name = names["name"]
        self._found(self._models, "model", name)
        deployed = [
            each["model"].partition("@")[0]
            for record in self._endpoints.values()
            for each in record["endpoint"].get("deployedModels", [])
        ]
        if name in deployed:
            raise ApiError("FAILED_PRECONDITION", f"The Model {name} is deployed: undeploy it first.")
        del self._models[name]
        return self._done(name, "DeleteModel", {})

    async def operation(self, names: dict[str, str], _query: Any, _body: None) -> Json:
        return self._operations.get(names["name"])

    async def operations(self, names: dict[str, str], query: Any, _body: None) -> Json:
        self._found(self._endpoints, "endpoint", names["name"])
        return documents.page("operations", self._operations.of(names["name"]), query)

    def _done(self, name: str, kind: str, response: Json) -> Json:
        operation = self._operations.finish(self._operations.begin(name, kind), response)
        self._context.state.save()
        return dict(operation)


def _readable(model: Json) -> Json:
    """Without the container's variables, so that no client depends on reading them back."""
    return {key: value for key, value in model.items() if key != "containerSpec"}
