"""The sandbox's Azure: Entra ID, the management API of one Azure ML workspace, its endpoints, and Blob storage."""

import asyncio
import ssl

from aiohttp import web

from intermodal.sandbox.azure import pem
from intermodal.sandbox.azure.arm import OPERATIONS, ROOT, ArmError, Operations, guarded, not_found
from intermodal.sandbox.azure.assets import Assets
from intermodal.sandbox.azure.faults import answer
from intermodal.sandbox.azure.fleet import KIND, Fleet
from intermodal.sandbox.azure.functions.api import Api
from intermodal.sandbox.azure.functions.apps import BASE, Apps
from intermodal.sandbox.azure.functions.front import PATH as APPS_PATH
from intermodal.sandbox.azure.functions.front import Front
from intermodal.sandbox.azure.functions.insights import FunctionInsights
from intermodal.sandbox.azure.functions.workers import KIND as FUNCTIONS
from intermodal.sandbox.azure.functions.workers import Workers
from intermodal.sandbox.azure.identity import ACCOUNT, identity
from intermodal.sandbox.azure.insights import Insights
from intermodal.sandbox.azure.login import Login
from intermodal.sandbox.azure.measures import Measures
from intermodal.sandbox.azure.online_deployments import OnlineDeployments
from intermodal.sandbox.azure.online_endpoints import OnlineEndpoints
from intermodal.sandbox.azure.registry import Registry
from intermodal.sandbox.azure.scoring import Scoring
from intermodal.sandbox.azure.storage import Storage
from intermodal.sandbox.faults import Kind, Scope
from intermodal.sandbox.front import Context
from intermodal.sandbox.images import front as images


class Server:
    def __init__(self, context: Context) -> None:
        known = identity(context.settings)
        self._context, self._login = context, Login(known)
        self._storage = Storage(context, known)
        self._registry = Registry(context, self._login, known.token_key)
        self._operations = Operations(context.state)
        self._assets = Assets(context.state)
        self._fleet = Fleet(context, self._storage, self._assets, self._operations)
        self._endpoints = OnlineEndpoints(context, self._fleet, self._operations)
        self._deployments = OnlineDeployments(context, self._fleet, self._operations, self._assets, self._endpoints)
        self._measures = Measures(self._fleet)
        self._insights = Insights(context, self._measures)
        self._scoring = Scoring(context, self._fleet, self._measures)
        self._apps = Apps(context.state)
        self._workers = Workers(context, self._apps)
        self._functions = Api(context, self._apps, self._workers, self._operations)
        self._front = Front(context, self._apps, self._workers)
        self._function_insights = FunctionInsights(self._apps, self._front.requests)

    def scope(self, request: web.Request) -> Scope:
        if request.path.startswith(("/online-endpoints/", APPS_PATH)):
            return "endpoints"
        return "storage" if request.path.startswith((f"/{ACCOUNT}", images.PATH)) else "api"

    def target(self, request: web.Request) -> str:
        """Azure Monitor answers below the workspace's path too."""
        if "/microsoft.insights/" in request.path.lower():
            return ""
        if request.path.startswith((f"{BASE}/", APPS_PATH)):
            return FUNCTIONS
        return KIND if request.path.startswith((f"{ROOT}/", OPERATIONS, "/online-endpoints/")) else ""

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        if request.path.startswith(images.PATH):
            return images.fault(kind)
        if request.path.startswith(APPS_PATH):
            return self._front.fault(request, kind)
        if self.scope(request) == "endpoints":
            self._scoring.count_fault(request, kind)
        return answer(self.scope(request), kind, login=request.path.endswith("/oauth2/v2.0/token"))

    def listeners(self) -> list[tuple[int, ssl.SSLContext | None]]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self._context.home / pem.CERTIFICATE, self._context.home / pem.KEY)
        return [(self._context.port, tls), (self._context.settings.ports.azure_blob, None)]

    async def start(self, app: web.Application) -> None:
        app.add_routes(self._front.routes())
        app.add_routes(
            [*self._login.routes(), *self._registry.routes(), *self._scoring.routes(), *self._storage.routes()]
        )
        operation = guarded(self._login, self._operations.get)
        app.router.add_get(f"{OPERATIONS}/{{operation}}", operation)
        for verb, path, handler in (
            *self._endpoints.routes(),
            *self._deployments.routes(),
            *self._assets.routes(),
            *self._insights.routes(),
        ):
            app.router.add_route(verb, ROOT + path, guarded(self._login, handler))
        metrics = f"{BASE}/sites/{{app}}/providers/{{provider:(?i:microsoft.insights)}}/metrics"
        app.router.add_get(metrics, guarded(self._login, self._function_insights.handle))
        for verb, path, handler in self._functions.routes():
            app.router.add_route(verb, BASE + path, guarded(self._login, handler))
        app.router.add_route("*", "/{tail:.*}", guarded(self._login, _anything_else))
        await self._storage.start()
        await self._endpoints.resume()
        self._fleet.resume()
        self._workers.resume()
        self._context.spawn(self._measures.usage.watch())

    async def stop(self) -> None:
        await asyncio.gather(self._fleet.stop(), self._workers.stop())
        await self._registry.stop()
        await self._storage.stop()


async def _anything_else(request: web.Request) -> web.Response:
    if request.path.startswith("/subscriptions/") and not request.path.startswith((f"{ROOT}/", f"{BASE}/", OPERATIONS)):
        raise not_found(request.path)
    raise ArmError(501, "NotImplemented", f"The sandbox does not emulate {request.method} {request.path}.")
