"""A site's front: the one program that answers for a site's APIs, storage and endpoints, and applies its faults."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web

from intermodal.platform.errors import SpecError
from intermodal.platform.targets import Site, Target
from intermodal.sandbox.faults import FAULTS_PATH, READY_PATH, RECORDS_PATH, Faults, Kind, Scope
from intermodal.sandbox.proxy import new_session
from intermodal.sandbox.settings import Settings
from intermodal.sandbox.state import State

MAX_REQUEST = 8 << 30


@dataclass
class Context:
    """What a site's handlers share. ``home`` is the site's folder, ``state`` survives an outage."""

    site: Site
    settings: Settings
    home: Path
    state: State
    session: aiohttp.ClientSession
    faults: Faults = field(default_factory=Faults)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def port(self) -> int:
        return self.settings.port(self.site)

    def target(self, kind: str) -> Target:
        """The target of this kind at this site."""
        return Target(self.site.cloud, kind, self.site.region)

    def spawn(self, work: Awaitable[None]) -> None:
        """Run in the background and keep a reference until it ends."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class CloudServer(Protocol):
    """One cloud's part: its routes, its error shapes, and what it starts."""

    def scope(self, request: web.Request) -> Scope:
        """Which surface a request belongs to."""

    def target(self, request: web.Request) -> str:
        """The kind of target that a request to an API or an endpoint belongs to; empty: to none."""

    def fault(self, request: web.Request, kind: Kind) -> web.Response:
        """The answer that this cloud's clients understand as refused, throttled or unavailable."""

    def listeners(self) -> list[tuple[int, ssl.SSLContext | None]]:
        """Ports to listen on, with TLS where the cloud's client wants https."""

    async def start(self, app: web.Application) -> None:
        """Add routes, start storage, and start again every endpoint that the state remembers."""

    async def stop(self) -> None: ...


def _middleware(context: Context, server: CloudServer) -> Callable[..., Awaitable[web.StreamResponse]]:
    dice = random.Random()

    @web.middleware
    async def apply_faults(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path.startswith("/_sandbox/"):
            return await handler(request)
        scope, target = server.scope(request), server.target(request)
        if delay := context.faults.delay_seconds(scope, target):
            await asyncio.sleep(delay)
        if kind := context.faults.strikes(scope, dice, target):
            return server.fault(request, kind)
        return await handler(request)

    return apply_faults


async def _put_faults(request: web.Request, context: Context) -> web.Response:
    try:
        context.faults = Faults.from_dict(await request.json())
    except (SpecError, ValueError, TypeError) as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response(context.faults.to_dict())


async def _patch_record(request: web.Request, context: Context) -> web.Response:
    """Put a record into a state that no caller of the cloud's API can make: maintenance, a change that never ends."""
    body = await request.json()
    try:
        context.state.merge(body["table"], body["key"], body["changes"])
    except KeyError as error:
        return web.json_response({"error": f"no record or member {error}"}, status=404)
    return web.json_response({})


async def serve(site: Site, settings: Settings, make: Callable[[Context], CloudServer]) -> None:
    """Run one site's front until it is cancelled."""
    home = settings.folder(site)
    async with new_session() as session:
        context = Context(site, settings, home, State(home / "state.json"), session)
        server = make(context)
        app = web.Application(client_max_size=MAX_REQUEST, middlewares=[_middleware(context, server)])
        ready = asyncio.Event()
        app.router.add_get(READY_PATH, lambda _: _ready(ready))
        app.router.add_get(FAULTS_PATH, lambda _: _get_faults(context))
        app.router.add_put(FAULTS_PATH, lambda request: _put_faults(request, context))
        app.router.add_patch(RECORDS_PATH, lambda request: _patch_record(request, context))
        await server.start(app)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, auto_decompress=False)
        await runner.setup()
        try:
            for port, tls in server.listeners():
                await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
            ready.set()
            await asyncio.Event().wait()
        finally:
            await server.stop()
            await runner.cleanup()


async def _ready(ready: asyncio.Event) -> web.Response:
    return web.Response(status=200 if ready.is_set() else 503)


async def _get_faults(context: Context) -> web.Response:
    return web.json_response(context.faults.to_dict())
