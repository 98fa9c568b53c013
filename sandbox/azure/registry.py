"""Azure Container Registry: Entra ID's token for a refresh token, that for an access token, before a real registry.

https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.identity import TENANT
from intermodal.sandbox.azure.login import Login
from intermodal.sandbox.front import Context
from intermodal.sandbox.images import front
from intermodal.sandbox.images.front import Denied, Front, repository_of

REFRESH_SECONDS, ACCESS_SECONDS = 3 * 3600, 4500
AUDIENCE = "https://containerregistry.azure.net/"


class Registry:
    """Tokens are signed, so they outlive a restart, and name the kind that they are."""

    def __init__(self, context: Context, login: Login, key: str) -> None:
        self._login, self._key = login, key.encode()
        self._images = Front(context, self._check)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/oauth2/exchange", self._exchange),
            web.post("/oauth2/token", self._token),
            web.route("*", front.PATH + "{rest:.*}", self._images.handle),
        ]

    async def stop(self) -> None:
        await self._images.stop()

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "access_token" or not form.get("service"):
            return front.error(400, "BAD_REQUEST", "grant_type must be access_token, and service the registry's name")
        if form.get("tenant", TENANT) != TENANT:
            return front.error(401, "UNAUTHORIZED", "the tenant is not the registry's")
        claims = self._login.read(str(form.get("access_token", "")))
        if claims is None or not str(claims.get("scp", "")).startswith(AUDIENCE):
            return front.error(401, "UNAUTHORIZED", "authentication required: the access token is not valid for ACR")
        token = self._sign({"kind": "refresh", "service": form["service"], "exp": time.time() + REFRESH_SECONDS})
        return web.json_response({"refresh_token": token})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        claims = self._read(str(form.get("refresh_token", "")), "refresh")
        if form.get("grant_type") != "refresh_token" or claims is None or claims["service"] != form.get("service"):
            return front.error(401, "UNAUTHORIZED", "authentication required: the refresh token is not valid here")
        access = {"kind": "access", "scopes": form.getall("scope", []), "exp": time.time() + ACCESS_SECONDS}
        return web.json_response({"access_token": self._sign(access)})

    def _check(self, request: web.Request) -> None:
        """The token's scopes must name the repository with what the request does; reading is enough for a mount."""
        name, action = repository_of(request), _action(request)
        scope = f',scope="repository:{name}:pull,push"' if name else ""
        own = f"{request.scheme}://{request.host}"
        challenge = f'Bearer realm="{own}/oauth2/token",service="{request.host}"{scope}'
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = self._read(token, "access") if scheme.lower() == "bearer" else None
        wanted = [(name, action)] if name else []
        if source := request.query.get("from"):
            wanted.append((source, "pull"))
        if claims is None or not all(_allows(claims["scopes"], *each) for each in wanted):
            raise Denied("authentication required, visit https://aka.ms/acr/authorization", challenge)

    def _sign(self, claims: dict[str, Any]) -> str:
        """In the form of a JWT, whose expiry clients read."""
        parts = [_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
        return ".".join((*parts, self._seal(".".join(parts))))

    def _read(self, token: str, kind: str) -> dict[str, Any] | None:
        text, _, seal = token.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(text).encode()):
            return None
        payload = text.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if claims["kind"] == kind and claims["exp"] > time.time() else None

    def _seal(self, text: str) -> str:
        return _encode(hmac.digest(self._key, f"acr {text}".encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _action(request: web.Request) -> str:
    if request.method == "DELETE":
        return "delete"
    return "push" if front.writes(request) else "pull"


def _allows(scopes: list[str], name: str, action: str) -> bool:
    for scope in scopes:
        kind, _, remainder = scope.partition(":")
        repository, _, actions = remainder.rpartition(":")
        if (kind, repository) == ("repository", name) and action in actions.split(","):
            return True
    return False
