"""A watch over HTTP: one JSON object a line, bookmarks, and 410 as an ERROR event."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from intermodal.sandbox.kubernetes.errors import ApiError, bad_request
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.requests import Route, flag, number, selection
from intermodal.sandbox.kubernetes.store import WatchEvent
from intermodal.sandbox.kubernetes.tables import accepts_table, table

BOOKMARK_SECONDS = 60.0
WATCH_SECONDS = 1800
"""How long a watch without timeoutSeconds lasts: the API server takes 30 to 60 minutes."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def _version(objects: Objects, text: str) -> int | None:
    """None for a watch that begins with what exists."""
    if text in ("", "0"):
        return None
    if not text.isdigit():
        raise bad_request(f'invalid resource version "{text}"')
    version, newest = int(text), objects.store.version
    if version > newest:
        details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
        message = f"Timeout: Too large resource version: {version}, current: {newest}"
        raise ApiError(504, "Timeout", message, details, retry_after=1)
    return version


def _bookmark(route: Route, version: int, *, initial: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if initial:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    document = {"kind": route.resource.kind, "apiVersion": route.resource.api_version, "metadata": metadata}
    return {"type": "BOOKMARK", "object": document}


class Watching:
    """``bookmark_seconds`` is how often a watch that wants bookmarks gets one; every such watch ends with one."""

    def __init__(self, objects: Objects, bookmark_seconds: float = BOOKMARK_SECONDS) -> None:
        self._objects, self._bookmark_seconds = objects, bookmark_seconds

    async def serve(self, request: web.Request, route: Route) -> web.StreamResponse:
        query = request.query
        since, wanted = _version(self._objects, query.get("resourceVersion", "")), selection(route, query)
        if route.name:
            raise bad_request("watch a name by fieldSelector=metadata.name=<name>")
        bookmarks, initial = flag(query, "allowWatchBookmarks"), flag(query, "sendInitialEvents")
        accept, include = request.headers.get("Accept", ""), query.get("includeObject", "Metadata")
        tables = accepts_table(accept)

        def line(kind: str, document: dict[str, Any]) -> dict[str, Any]:
            if tables:
                version = {"resourceVersion": document["metadata"]["resourceVersion"]}
                document = table(route.resource, [document], version, include)
            return {"type": kind, "object": document}

        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        begun = self._objects.store.version
        events = self._objects.watch(route.resource, wanted, None if initial else since)
        waiting: asyncio.Task[WatchEvent | None] = asyncio.ensure_future(_next(events))
        loop = asyncio.get_running_loop()
        end = loop.time() + (number(query, "timeoutSeconds") or WATCH_SECONDS)
        try:
            if initial:
                for document in self._objects.list(route.resource, wanted):
                    await _send(response, line("ADDED", document))
                await _send(response, _bookmark(route, begun, initial=True))
            while (left := end - loop.time()) > 0:
                await asyncio.wait({waiting}, timeout=min(left, self._bookmark_seconds))
                if not waiting.done():
                    if bookmarks:
                        await _send(response, _bookmark(route, self._objects.store.version))
                    continue
                event = waiting.result()
                if event is None:
                    break
                if not initial or event.version > begun:
                    await _send(response, line(event.type, event.object))
                waiting = asyncio.ensure_future(_next(events))
        except ApiError as error:
            await _send(response, {"type": "ERROR", "object": error.status()})
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await events.aclose()
        await response.write_eof()
        return response


async def _next(events: AsyncGenerator[WatchEvent, None]) -> WatchEvent | None:
    return await anext(events, None)


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(json.dumps(event).encode() + b"\n")
