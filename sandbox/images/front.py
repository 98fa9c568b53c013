"""The registry as a site's callers see it: behind the cloud's own login, in the site's own server process."""

import re
from collections.abc import Callable

from aiohttp import web

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox import proxy
from intermodal.sandbox.faults import Kind
from intermodal.sandbox.front import Context
from intermodal.sandbox.images.process import Process

PATH = "/v2/"
RESOURCE = re.compile(
    r"/v2/(.+)/(?:manifests/[^/]+|blobs/uploads/?|blobs/uploads/[^/]+|blobs/[^/]+|tags/list|referrers/[^/]+)"
)
VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
DROPPED = frozenset({"authorization", "expect"})
FAULTS: dict[Kind, tuple[int, str, str]] = {
    "refused": (403, "DENIED", "requested access to the resource is denied (sandbox fault)"),
    "throttled": (429, "TOOMANYREQUESTS", "Rate exceeded (sandbox fault)"),
    "unavailable": (503, "UNAVAILABLE", "service unavailable (sandbox fault)"),
}


class Denied(Exception):
    """A request without a right: 401 with a challenge, or 403."""

    def __init__(self, message: str, challenge: str = "") -> None:
        super().__init__(message)
        self.message, self.challenge = message, challenge

    def answer(self) -> web.Response:
        if not self.challenge:
            return error(403, "DENIED", self.message)
        return error(401, "UNAUTHORIZED", self.message, {"WWW-Authenticate": self.challenge})


class Front:
    """``check`` raises Denied, or returns None; ``known`` says whether a repository exists that must be created
    first."""

    def __init__(
        self,
        context: Context,
        check: Callable[[web.Request], None],
        known: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._context, self._check, self._known = context, check, known
        self.process = Process(context.home / "registry", context.session)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check(request)
        except Denied as denied:
            return denied.answer()
        repository = repository_of(request)
        if repository and not self._known(repository):
            return error(404, "NAME_UNKNOWN", f"The repository with name '{repository}' does not exist in the registry")
        try:
            url = await self.process.url()
        except IntermodalError as failed:
            return error(503, "UNAVAILABLE", str(failed))
        return await proxy.forward(request, self._context.session, url + request.raw_path, drop=DROPPED)

    async def stop(self) -> None:
        await self.process.stop()


def repository_of(request: web.Request) -> str:
    """``/v2/<repository>/{blobs,manifests,tags,referrers}/...``; empty for the API's root."""
    found = RESOURCE.fullmatch(request.path)
    return found[1] if found else ""


def writes(request: web.Request) -> bool:
    return request.method not in ("GET", "HEAD")


def fault(kind: Kind) -> web.Response:
    return error(*FAULTS[kind])


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """In the form of the distribution API."""
    body = {"errors": [{"code": code, "message": message}]}
    return web.json_response(body, status=status, headers={**VERSION, **(headers or {})})
