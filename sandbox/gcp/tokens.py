"""Tokens: the OAuth token endpoint, and the check of what clients bring.

Three kinds of bearer are known, as at Google: access tokens and ID tokens that this front handed out, and JWTs that
a service account signed itself (https://google.aip.dev/auth/4111), which obstore and the Cloud Run client use.
"""

import json
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from google.auth import crypt, jwt

from intermodal.sandbox.gcp import identity
from intermodal.sandbox.gcp.errors import ApiError

ISSUER = "https://accounts.google.com"
TOKEN_ENDPOINT = "https://oauth2.googleapis.com/token"
LIFETIME = 3600
MOST_REMEMBERED = 10_000
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Tokens:
    """``home`` holds the keys that ``identity.make_keys`` wrote."""

    def __init__(self, home: Path, base: str) -> None:
        identity.make_keys(home, base)
        account = json.loads((home / identity.ACCOUNT).read_text("utf-8"))
        own = (home / identity.SIGNING_KEY).read_text("utf-8")
        self._signer = crypt.RSASigner.from_string(own, key_id="front")  # type: ignore[no-untyped-call]
        self._keys = {
            "front": identity.public_key(own),
            account["private_key_id"]: identity.public_key(account["private_key"]),
        }
        self._token_uri = account["token_uri"]
        self._known: dict[str, dict[str, Any]] = {}

    async def grant(self, request: web.Request) -> web.Response:
        """``POST /token``: an assertion signed by the service account becomes an access token or an ID token."""
        form = await request.post()
        if form.get("grant_type") != GRANT:
            return _refused("unsupported_grant_type", f"Only {GRANT} is emulated.")
        try:
            claims = jwt.decode(str(form.get("assertion", "")), certs=self._keys, audience=self._audiences)  # type: ignore[no-untyped-call]
        except ValueError as error:
            return _refused("invalid_grant", f"Invalid JWT: {error}")
        if claims["iss"] != identity.EMAIL:
            return _refused("invalid_grant", "Invalid grant: account not found")
        if audience := claims.get("target_audience"):
            return web.json_response({"id_token": self._issue(aud=audience, email_verified=True)})
        if not claims.get("scope"):
            return _refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = self._issue(aud="access", scope=claims["scope"])
        return web.json_response({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"})

    async def metadata(self, request: web.Request) -> web.Response:
        """The metadata server's token for a container's own service account.
        https://cloud.google.com/run/docs/container-contract#metadata-server"""
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text="Missing Metadata-Flavor:Google header.")
        token = self._issue(aud="access", scope="https://www.googleapis.com/auth/cloud-platform")
        answer = {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}
        return web.json_response(answer, headers={"Metadata-Flavor": "Google"})

    def require_access(self, request: web.Request, api: str) -> None:
        """Raise ApiError unless the request carries an access token or a self-signed JWT for this API."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self.require_token(token if scheme.lower() == "bearer" else "", api)

    def require_token(self, token: str, api: str) -> None:
        """The same for a token that came in another way than as a bearer."""
        claims = self._verified(token) if token else None
        if claims is None:
            raise ApiError("UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if claims["iss"] == ISSUER and claims["aud"] == "access":
            return
        if claims["iss"] == identity.EMAIL and (claims.get("scope") or claims.get("aud") == f"https://{api}/"):
            return
        raise ApiError("UNAUTHENTICATED", "Expected OAuth 2 access token for this API.")

    def caller(self, request: web.Request, audience: str) -> str | None:
        """The e-mail address in the request's ID token for ``audience``; None when it brings no valid one."""
        claims = self._claims(request)
        if claims is None or claims["iss"] != ISSUER or claims["aud"] != audience:
            return None
        return str(claims["email"])

    def _claims(self, request: web.Request) -> dict[str, Any] | None:
        """Verified claims of the bearer. Remembered, for a signature costs more than the rest of a request."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return self._verified(token)

    def _verified(self, token: str) -> dict[str, Any] | None:
        claims = self._known.get(token)
        if claims is None:
            try:
                claims = dict(jwt.decode(token, certs=self._keys))  # type: ignore[no-untyped-call]
            except ValueError:
                return None
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[token] = claims
        return claims if claims["exp"] > time.time() else None

    @property
    def _audiences(self) -> list[str]:
        return [TOKEN_ENDPOINT, self._token_uri]

    def _issue(self, **claims: object) -> str:
        now = int(time.time())
        subject = {"iss": ISSUER, "sub": identity.EMAIL, "email": identity.EMAIL}
        return str(jwt.encode(self._signer, {**subject, "iat": now, "exp": now + LIFETIME, **claims}).decode())  # type: ignore[no-untyped-call]


def _refused(error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=400)
