"""Identity on Google Cloud: Application Default Credentials, and ID tokens for calling a service.

GOOGLE_APPLICATION_CREDENTIALS names a service-account file; without it google-auth asks the metadata server.
https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import json
import os
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intermodal.platform.errors import MissingExtra, Refused, Unavailable
from intermodal.platform.ports.endpoints import BearerToken

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_HINT = "Set GOOGLE_APPLICATION_CREDENTIALS to a service-account file, or run: gcloud auth application-default login"


def credentials() -> Credentials:
    """Application Default Credentials with the cloud-platform scope. Raises Refused when there are none."""
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError as error:
        raise MissingExtra("google-auth", "gcp") from error
    if (account := _issued_elsewhere()) is not None:
        return account
    try:
        found, _ = google.auth.default(scopes=[SCOPE])
    except DefaultCredentialsError as error:
        raise Refused(f"No Google Cloud credentials: {error}", hint=_HINT) from error
    return found


def self_signed() -> Credentials:
    """The same; those of a service account sign their tokens themselves, which needs no call of a token server.

    https://google.aip.dev/auth/4111
    """
    from google.oauth2 import service_account

    found = credentials()
    if not isinstance(found, service_account.Credentials):
        return found
    signing: Credentials = found.with_always_use_jwt_access(True)  # type: ignore[no-untyped-call]
    return signing


def _issued_elsewhere() -> Credentials | None:
    """The service account, if its token server is not Google's; else None.

    google-auth calls iamcredentials.googleapis.com in the background for the regions of a service account. Google does
    not know such an account, so this call is switched off.
    """
    from google.oauth2 import service_account

    try:
        account = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text("utf-8"))
        host = urlsplit(account["token_uri"]).hostname or ""
    except (KeyError, OSError, ValueError):
        return None  # google.auth.default() then raises the reason
    if account.get("type") != "service_account" or host.endswith("googleapis.com"):
        return None

    class Account(service_account.Credentials):
        def _is_regional_access_boundary_lookup_required(self) -> bool:
            return False

    found: Credentials = Account.from_service_account_info(account, scopes=[SCOPE])  # type: ignore[no-untyped-call]
    return found


def caller(audience: str) -> Any:
    """Credentials that call the service at ``audience`` (its URL) with an ID token, and renew it themselves."""
    try:
        from google.auth.exceptions import DefaultCredentialsError
        from google.auth.transport.requests import Request
        from google.oauth2.id_token import fetch_id_token_credentials
    except ImportError as error:
        raise MissingExtra("google-auth", "gcp") from error
    try:
        return fetch_id_token_credentials(audience, request=Request())  # type: ignore[no-untyped-call]
    except DefaultCredentialsError as error:
        raise Refused(f"No credentials that can make an ID token: {error}", hint=_HINT) from error


def id_token(audience: str) -> BearerToken:
    """A fresh ID token for ``audience``. Raises Refused, or Unavailable without an answer."""
    return _fresh(caller(audience), f"ID token for {audience}")


def access_token() -> BearerToken:
    """A fresh access token, for Google's own APIs. Raises Refused, or Unavailable without an answer."""
    return _fresh(credentials(), "access token")


def _fresh(found: Any, what: str) -> BearerToken:
    from google.auth.exceptions import RefreshError, TransportError
    from google.auth.transport.requests import Request

    try:
        found.refresh(Request())
    except TransportError as error:
        raise Unavailable(f"Google's token endpoint does not answer: {error}") from error
    except RefreshError as error:
        if error.retryable:
            raise Unavailable(f"Google's token endpoint fails: {error}", hint="Try again.") from error
        raise Refused(f"No {what}: {error}", hint=_HINT) from error
    return BearerToken(found.token, found.expiry.replace(tzinfo=UTC).timestamp())
