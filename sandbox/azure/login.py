"""Microsoft Entra ID as far as a service principal with a secret needs it: discovery and the token endpoint.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from aiohttp import web

from intermodal.sandbox.azure.identity import CLIENT, TENANT, Identity

TOKEN_SECONDS = 3600


class Login:
    """Gives out bearer tokens and checks them. Tokens are signed, so they outlive a restart of the cloud."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/common/discovery/instance", self._instances),
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
            web.post("/{tenant}/oauth2/v2.0/token", self._token),
        ]

    def valid(self, request: web.Request) -> bool:
        """Whether the request carries a token that was given here and has not expired."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.read(token) is not None

    def read(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token that was given here and has not expired."""
        text, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text))
        return claims if claims["exp"] > time.time() else None

    async def _instances(self, request: web.Request) -> web.Response:
        return web.json_response({"tenant_discovery_endpoint": self._authority(request, TENANT), "metadata": []})

    async def _discovery(self, request: web.Request) -> web.Response:
        base = f"{request.scheme}://{request.host}/{request.match_info['tenant']}"
        return web.json_response(
            {
                "issuer": f"{base}/v2.0",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
            }
        )

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.match_info["tenant"] != TENANT:
            return _refuse(400, "invalid_request", "AADSTS90002: Tenant not found.")
        if form.get("grant_type") != "client_credentials":
            return _refuse(400, "unsupported_grant_type", "AADSTS70003: only client_credentials is emulated.")
        if form.get("client_id") != CLIENT:
            return _refuse(400, "unauthorized_client", "AADSTS700016: Application was not found in the directory.")
        if not hmac.compare_digest(str(form.get("client_secret", "")), self._identity.client_secret):
            return _refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        claims = {"exp": time.time() + TOKEN_SECONDS, "appid": CLIENT, "scp": str(form.get("scope", ""))}
        text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
        token = f"{text}.{self._sign(text)}"
        return web.json_response({"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token})

    def _sign(self, text: str) -> str:
        return hmac.new(self._identity.token_key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _authority(self, request: web.Request, tenant: str) -> str:
        return f"{request.scheme}://{request.host}/{tenant}/v2.0/.well-known/openid-configuration"


def _refuse(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
