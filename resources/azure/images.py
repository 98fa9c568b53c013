"""Azure Container Registry: images of one site.

Login: an Entra ID token becomes the registry's refresh token, and that an access token for certain repositories.
https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import ClassVar, Self

import httpx

from intermodal.platform.errors import IntermodalError
from intermodal.platform.targets import Site
from intermodal.resources.azure import identity
from intermodal.resources.azure.errors import translated
from intermodal.resources.azure.settings import AzureSettings
from intermodal.resources.images.address import Address
from intermodal.resources.images.errors import from_response, no_answer
from intermodal.resources.images.login import Header
from intermodal.resources.images.registry import OciRegistry

PERMISSIONS = "the roles AcrPush, and AcrDelete to withdraw a model, on the registry"
SCOPE = "https://containerregistry.azure.net/.default"
SECONDS = 30
ASSUMED_SECONDS = 600
"""Of an access token that does not say when it expires; the registry's live at least an hour."""


class AcrLogin:
    """Fulfils ``Login``. ``token`` gives an Entra ID access token."""

    def __init__(self, address: Address, tenant: str, token: Callable[[], str]) -> None:
        self._address, self._tenant, self._token = address, tenant, token

    def header(self, repository: str, mount_from: str) -> Header:
        form = {"grant_type": "access_token", "access_token": self._token(), **self._service}
        refresh = self._post("/oauth2/exchange", {**form, **self._of_tenant}, "refresh_token")
        scopes = [
            f"repository:{repository}:pull,push,delete",
            *([f"repository:{mount_from}:pull"] if mount_from else []),
        ]
        form = {"grant_type": "refresh_token", "refresh_token": refresh, **self._service}
        access = self._post("/oauth2/token", {**form, "scope": scopes}, "access_token")
        return Header(f"Bearer {access}", expiry_of(access))

    def prepare(self, repository: str) -> None:
        """A push creates the repository."""

    @property
    def _service(self) -> dict[str, str]:
        return {"service": self._address.host}

    @property
    def _of_tenant(self) -> dict[str, str]:
        return {"tenant": self._tenant} if self._tenant else {}

    def _post(self, path: str, form: Mapping[str, str | list[str]], wanted: str) -> str:
        doing = f"log in ({path})"
        try:
            answer = httpx.post(self._address.url + path, data=form, timeout=SECONDS)
        except httpx.TransportError as error:
            raise no_answer(error, self._address.host, doing) from None
        if not answer.is_success:
            raise from_response(answer, self._address.host, doing, PERMISSIONS)
        try:
            return str(answer.json()[wanted])
        except (ValueError, KeyError, TypeError):
            raise IntermodalError(f"{self._address.host} is no Azure registry: {path} gave no {wanted}.") from None


class AcrRegistry(OciRegistry):
    kind: ClassVar[str] = "acr"
    kinds: ClassVar[frozenset[str]] = frozenset({"azure"})
    extra: ClassVar[str] = "azure"

    @classmethod
    def of(cls, site: Site) -> Self:
        settings = AzureSettings.of(site)
        address = Address.of(settings.registry, "INTERMODAL_AZURE_REGISTRY", site)
        return cls(site, address, AcrLogin(address, os.environ.get("AZURE_TENANT_ID", ""), entra_token), PERMISSIONS)


def entra_token() -> str:
    with translated("log in to Entra ID for the image registry"):
        return str(identity.credential().get_token(SCOPE).token)


def expiry_of(token: str) -> float:
    """When a JWT expires; it is the registry's to verify it."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, ValueError, TypeError, binascii.Error):
        return time.time() + ASSUMED_SECONDS
