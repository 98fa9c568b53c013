"""One cluster's API server: authentication, faults, discovery, resources."""

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from intermodal.platform.errors import SpecError
from intermodal.sandbox.azure import certificates, pem
from intermodal.sandbox.faults import FAULTS_PATH, READY_PATH, Faults
from intermodal.sandbox.kubernetes import discovery, errors
from intermodal.sandbox.kubernetes.access import ADMINISTRATOR, PERMISSIONS_PATH, Access, Refusal
from intermodal.sandbox.kubernetes.controllers.manager import Controllers
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.handlers import Handlers
from intermodal.sandbox.kubernetes.kubeconfig import write_kubeconfig
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.openapi import OpenApi
from intermodal.sandbox.kubernetes.resources import GROUPS
from intermodal.sandbox.kubernetes.schemas import Schemas
from intermodal.sandbox.kubernetes.store import WINDOW, Store
from intermodal.sandbox.kubernetes.watching import BOOKMARK_SECONDS, Watching
from intermodal.sandbox.state import State

KUBECONFIG = "kubeconfig.yaml"
OUTAGES_PATH = "/_sandbox/outages"
MAX_BODY = 3 << 20
"""The API server's own limit of a request, in bytes."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Settings:
    """``home`` keeps the state, the certificate and the kubeconfig. ``window`` is how many changes a watch may be
    behind; ``token`` is the administrator's. ``run``: controllers run what is stored, on a node like this; without it,
    no Pod runs."""

    name: str
    home: Path
    port: int
    token: str
    window: int = WINDOW
    bookmark_seconds: float = BOOKMARK_SECONDS
    run: Options | None = None


class Cluster:
    """``objects`` is for controllers in this process, ``handlers.logs`` for what answers /log."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        schemas = Schemas()
        self.access = Access({settings.token: ADMINISTRATOR})
        self.store = Store(State(settings.home / "state.json"), settings.window)
        self.objects = Objects(self.store, schemas)
        self.handlers = Handlers(self.objects, self.access, Watching(self.objects, settings.bookmark_seconds))
        self.faults, self._dice, self._api_out = Faults(), random.Random(), False
        self.controllers: Controllers | None = None
        self._openapi, self._minor = OpenApi(schemas), schemas.version

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.settings.port}"

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        for path in ("/healthz", "/readyz", "/livez", READY_PATH):
            app.router.add_get(path, _healthy)
        app.router.add_get(FAULTS_PATH, self._get_faults)
        app.router.add_put(FAULTS_PATH, self._put_faults)
        app.router.add_put(PERMISSIONS_PATH, self._put_permissions)
        app.router.add_put(OUTAGES_PATH, self._put_outages)
        app.router.add_get("/version", self._version)
        app.router.add_get("/openapi/v3", self._openapi.index)
        app.router.add_get("/openapi/v2", self._openapi.old)
        app.router.add_get("/openapi/v3/{path:.+}", self._openapi.document)
        app.router.add_route("*", "/{tail:.*}", self._dispatch)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            return await handler(request)
        if self._api_out:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the API server is out")
        if delay := self.faults.delay_seconds("api"):
            await asyncio.sleep(delay)
        if kind := self.faults.strikes("api", self._dice):
            return errors.fault(kind).answer()
        try:
            if request.path not in ("/healthz", "/readyz", "/livez", "/version"):
                self.access.user(request)
            return await handler(request)
        except errors.ApiError as error:
            return error.answer()
        except web.HTTPRequestEntityTooLarge as error:
            return errors.ApiError(413, "RequestEntityTooLarge", error.text or "Request entity too large").answer()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        """Discovery by the depth of the path, and resources below it."""
        parts = request.path.strip("/").split("/")
        if parts[0] not in ("api", "apis"):
            raise errors.not_emulated(request.path)
        depth = len(parts) + (parts[0] == "api")
        if len(parts) == 1:
            return self._roots(request, core=parts[0] == "api")
        if parts[0] == "apis" and parts[1] not in discovery.group_names():
            raise errors.path_not_found()
        if parts[0] == "apis" and len(parts) == 2:
            return web.json_response(discovery.group(parts[1]))
        group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
        if (group, version) not in GROUPS:
            raise errors.path_not_found()
        if depth == 3:
            return web.json_response(discovery.resource_list(group, version))
        return await self.handlers.handle(request)

    def _roots(self, request: web.Request, *, core: bool) -> web.Response:
        if discovery.accepts_aggregated(request.headers.get("Accept", "")):
            headers = {"Content-Type": discovery.AGGREGATED}
            return web.Response(text=json.dumps(discovery.aggregated(core=core)), headers=headers)
        address = f"127.0.0.1:{self.settings.port}"
        return web.json_response(discovery.api_versions(address) if core else discovery.group_list())

    async def _version(self, _: web.Request) -> web.Response:
        major, minor = self._minor.split(".")
        known = {"major": major, "minor": minor, "gitVersion": f"v{self._minor}.0", "platform": "linux/amd64"}
        unknown = dict.fromkeys(("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler"), "sandbox")
        return web.json_response(known | unknown)

    async def _get_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self.faults.to_dict())

    async def _put_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults = Faults.from_dict(await request.json())
        except (SpecError, ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self.faults.to_dict())

    async def _put_permissions(self, request: web.Request) -> web.Response:
        """Replace the refusals; an empty list allows everything again."""
        try:
            refusals = [Refusal(**item) for item in await request.json()]
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        self.access.refusals = refusals
        return web.json_response({})

    async def _put_outages(self, request: web.Request) -> web.Response:
        """``{"api": true}``: the control plane is out, and Pods serve on. ``{"nodes": true}``: the reverse."""
        wanted = await request.json()
        if not isinstance(wanted, dict) or not wanted.keys() <= {"api", "nodes"}:
            return web.json_response({"error": "an outage is of 'api' or 'nodes'"}, status=400)
        await self.outage(api=bool(wanted.get("api")), nodes=bool(wanted.get("nodes")))
        return web.json_response({})

    async def outage(self, *, api: bool = False, nodes: bool = False) -> None:
        """What is out from now on; without arguments, every outage ends."""
        if api and not self._api_out:
            self.store.cut()
        self._api_out = api
        if self.controllers is not None:
            self.controllers.control = not api
            await self.controllers.nodes(up=not nodes)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Cluster"]:
        """Listen, with a kubeconfig written, until the context ends. Watches are cut then."""
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True)
        if not (home / pem.CERTIFICATE).exists():
            certificates.make(home)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(home / pem.CERTIFICATE, home / pem.KEY)
        runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=True, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.settings.port, ssl_context=tls).start()
            authority = (home / pem.CA).read_bytes()
            write_kubeconfig(home / KUBECONFIG, self.settings.name, self.address, authority, self.settings.token)
            async with self._controlled():
                yield self
        finally:
            self.store.cut()
            await runner.cleanup()

    @asynccontextmanager
    async def _controlled(self) -> AsyncIterator[None]:
        if self.settings.run is None:
            yield
            return
        home = self.settings.home.resolve()
        self.controllers = Controllers(self.objects, self.settings.run, home, self.settings.port)
        self.handlers.logs = self.controllers.logs.serve
        task = asyncio.create_task(self.controllers.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok")


async def serve(settings: Settings) -> None:
    """Run one cluster until it is cancelled."""
    async with Cluster(settings).running():
        await asyncio.Event().wait()
