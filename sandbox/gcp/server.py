"""Google Cloud in the sandbox: one port for tokens, Cloud Storage, the Cloud Run API and the services' own URLs."""

import ssl

from aiohttp import web

from intermodal.sandbox.containers import Container
from intermodal.sandbox.faults import Kind, Scope
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.artifacts import is_image, make_front
from intermodal.sandbox.gcp.errors import FAULTS, STATUS, ApiError, api_error, page, xml_error
from intermodal.sandbox.gcp.gke import KIND as GKE
from intermodal.sandbox.gcp.gke import PATH as CLUSTERS
from intermodal.sandbox.gcp.gke import Gke
from intermodal.sandbox.gcp.identity import base_url
from intermodal.sandbox.gcp.invocations import PATH as RUN_PATH
from intermodal.sandbox.gcp.invocations import Invocations
from intermodal.sandbox.gcp.launch import KIND
from intermodal.sandbox.gcp.monitoring_api import MonitoringApi
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.revisions import Revisions
from intermodal.sandbox.gcp.run_api import run_api
from intermodal.sandbox.gcp.run_metrics import RunMetrics
from intermodal.sandbox.gcp.storage import JSON_PATHS, Storage
from intermodal.sandbox.gcp.tokens import Tokens
from intermodal.sandbox.gcp.uploads import Uploads, is_upload
from intermodal.sandbox.gcp.vertex_api import vertex_api
from intermodal.sandbox.gcp.vertex_deployments import KIND as VERTEX
from intermodal.sandbox.gcp.vertex_deployments import Deployments
from intermodal.sandbox.gcp.vertex_metrics import VertexMetrics
from intermodal.sandbox.gcp.vertex_operations import VertexOperations
from intermodal.sandbox.gcp.vertex_predictions import ENDPOINT, Predictions
from intermodal.sandbox.gcp.vertex_predictions import PATH as VERTEX_PATH
from intermodal.sandbox.images import front as images

METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"
_TITLES = {"refused": "Forbidden", "throttled": "Rate exceeded.", "unavailable": "Service Unavailable"}


class Server:
    """Fulfils ``front.CloudServer``."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens = Tokens(context.home, base_url(context.settings))
        self._images = make_front(context, self._tokens)
        self._storage = Storage(context)
        self._uploads = Uploads(context, self._storage)
        operations = Operations(context.state.table("operations"))
        live: dict[str, Container] = {}
        self._metrics = RunMetrics(context.state.table("services"), live)
        self._revisions = Revisions(context, self._storage, operations, live, self._metrics)
        self._api = run_api(context, self._tokens, operations, self._revisions)
        vertex_operations = VertexOperations(context.state.table("vertex_operations"))
        self._vertex_metrics = VertexMetrics(self._replicas)
        self._deployments = Deployments(context, vertex_operations, self._vertex_metrics)
        self._vertex = vertex_api(context, self._tokens, self._storage, vertex_operations, self._deployments)
        self._gke = Gke(context, self._tokens)
        self._predictions = Predictions(context, self._tokens, self._deployments, self._vertex_metrics)
        self._monitoring = MonitoringApi(self._tokens, self._metrics, self._vertex_metrics)
        self._invocations = Invocations(context, self._tokens, live, self._metrics)

    def scope(self, request: web.Request) -> Scope:
        path = request.path
        if path.startswith(RUN_PATH) or ENDPOINT.fullmatch(path):
            return "endpoints"
        if is_image(path):
            return "storage"
        return "api" if path in ("/token", METADATA) or path.startswith(("/v1/", "/v2/", "/v3/")) else "storage"

    def target(self, request: web.Request) -> str:
        if is_image(request.path):
            return ""
        if CLUSTERS.fullmatch(request.path):
            return GKE
        if request.path.startswith("/v1/") or ENDPOINT.fullmatch(request.path):
            return VERTEX
        return KIND if request.path.startswith((RUN_PATH, "/v2/")) else ""

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        if is_image(request.path):
            return images.fault(kind)
        status, message = FAULTS[kind]
        scope = self.scope(request)
        if ENDPOINT.fullmatch(request.path):
            self._predictions.count_fault(request, kind)
            return api_error(status, message)
        if scope == "endpoints":
            self._invocations.count_fault(request, kind)
            return page(STATUS[status], _TITLES[kind])
        if scope == "api" or request.path.startswith(JSON_PATHS):
            return api_error(status, message)
        return xml_error(STATUS[status], message)

    def listeners(self) -> list[tuple[int, ssl.SSLContext | None]]:
        return [(self._context.port, None)]

    async def start(self, app: web.Application) -> None:
        app.router.add_route("*", RUN_PATH + "{rest:.*}", self._invocations.handle)
        app.router.add_route("*", VERTEX_PATH, self._predictions.handle)
        app.router.add_route("*", "/v1/{rest:.*}", self._v1)
        app.router.add_post("/token", self._tokens.grant)
        app.router.add_get(METADATA, self._tokens.metadata)
        app.router.add_route("*", "/v2/{rest:.*}", self._v2)
        app.router.add_route("*", "/v3/{rest:.*}", self._monitoring.handle)
        app.router.add_route("*", "/{rest:.*}", self._store)
        await self._storage.start()
        self._revisions.restore()
        self._deployments.restore()
        await self._gke.resume()
        self._context.spawn(self._metrics.usage.watch())

    async def stop(self) -> None:
        await self._gke.stop()
        await self._revisions.stop()
        await self._deployments.stop()
        await self._images.stop()
        await self._storage.stop()

    def _replicas(self, endpoint: str, deployed_id: str) -> int:
        deployed = self._deployments.find(endpoint, deployed_id) or {}
        return int(deployed.get("status", {}).get("availableReplicaCount", 0))

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        """Two of Google's hosts have this path: GKE's API, and Vertex AI's."""
        return await (self._gke if CLUSTERS.fullmatch(request.path) else self._vertex).handle(request)

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        """Two of Google's hosts have this path: Cloud Run's API, and registries."""
        return await (self._images if is_image(request.path) else self._api).handle(request)

    async def _store(self, request: web.Request) -> web.StreamResponse:
        is_json = request.path.startswith(JSON_PATHS)
        try:
            self._tokens.require_access(request, "storage.googleapis.com")
        except ApiError as error:
            return error.answer() if is_json else xml_error(401, error.message)
        if is_json:
            return await self._storage.json(request)
        bucket = request.path.split("/")[1]
        if bucket and not await self._storage.has_bucket(bucket):
            return xml_error(404, "The specified bucket does not exist.", code="NoSuchBucket")
        return await (self._uploads.handle(request) if is_upload(request) else self._storage.xml(request))
