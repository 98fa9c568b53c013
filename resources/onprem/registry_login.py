"""A user and a password at a registry, in the way that the registry asks for.

Basic: https://www.rfc-editor.org/rfc/rfc7617. Tokens: https://distribution.github.io/distribution/spec/auth/token/
"""

import re
import time
from typing import Any

import httpx

from intermodal.platform.errors import IntermodalError, Refused
from intermodal.resources.images.address import Address
from intermodal.resources.images.errors import from_response, no_answer
from intermodal.resources.images.login import Header, basic
from intermodal.resources.onprem.keys import Keys

SECONDS = 30
ASSUMED_SECONDS = 60
"""Life of a token that does not say it, by the specification."""
PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryLogin:
    """Fulfils ``Login``. A registry names its token service in the answer to a call without a login; one that names
    none gets the password itself."""

    def __init__(self, address: Address, keys: Keys) -> None:
        self._address, self._keys = address, keys

    def header(self, repository: str, mount_from: str) -> Header:
        answer = self._get(f"{self._address.url}/v2/", "say how to log in")
        scheme, _, parameters = answer.headers.get("WWW-Authenticate", "").partition(" ")
        if scheme.lower() != "bearer":
            return Header(basic(self._keys.name, self._keys.secret), float("inf"))
        return self._token(dict(PARAMETER.findall(parameters)), repository, mount_from)

    def prepare(self, repository: str) -> None:
        """A push creates the repository."""

    def _token(self, challenge: dict[str, str], repository: str, mount_from: str) -> Header:
        """A token for pushes to the one repository and reads of the other."""
        realm, doing = challenge.get("realm", ""), "log in"
        if self._address.scheme == "https" and not realm.startswith("https://"):
            raise Refused(
                f"The registry {self._address.host} wants the password at '{realm}', which is not https.",
                hint="Correct the realm in the registry's settings.",
            )
        scopes = [f"repository:{repository}:pull,push,delete"]
        scopes += [f"repository:{mount_from}:pull"] if mount_from else []
        query = {"service": challenge.get("service", ""), "scope": scopes}
        answer = self._get(realm, doing, query, {"Authorization": basic(self._keys.name, self._keys.secret)})
        if not answer.is_success:
            raise from_response(answer, self._address.host, doing, "the user and the password of the registry")
        try:
            found = answer.json()
            token = found.get("token") or found["access_token"]
            seconds = float(found.get("expires_in") or ASSUMED_SECONDS)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise IntermodalError(
                f"The token service of {self._address.host} gave no token.", hint=f"Look at what {realm} answers."
            ) from None
        return Header(f"Bearer {token}", time.time() + seconds)

    def _get(self, url: str, doing: str, query: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        try:
            return httpx.get(url, params=query, headers=headers, timeout=SECONDS)
        except httpx.TransportError as error:
            raise no_answer(error, self._address.host, doing) from None
        except httpx.InvalidURL as error:
            raise IntermodalError(
                f"The registry {self._address.host} did not {doing}: '{url}' is no address ({error}).",
                hint="Correct the realm in the registry's settings.",
            ) from None
