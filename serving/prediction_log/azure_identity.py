"""Azure's part of the prediction log: a blob container, and the managed identity of an Azure ML endpoint.

Azure ML sets ``MSI_ENDPOINT`` and ``MSI_SECRET`` in the container. obstore knows the identities of virtual machines,
App Service and AKS, but not this one, whose secret is sent in its own header. Source: azure-identity,
azure/identity/_credentials/azure_ml.py.
"""

import ipaddress
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlencode
from urllib.request import Request, urlopen

STORAGE = "https://storage.azure.com/"
TOKEN_TIMEOUT_SECONDS = 5
KEY_VARIABLES = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN")
"""obstore reads these. When one is set, no token is needed."""


def blob_store(url: SplitResult, path: str, environment: Mapping[str, str], options: Mapping[str, Any]) -> Any:
    """The container that ``url`` names. ``path`` is the path of ``url``, decoded, without the outer slashes."""
    from obstore.store import AzureStore

    account, endpoint, container, prefix = _split_address(url, path.split("/"))
    has_key = any(environment.get(name) for name in KEY_VARIABLES)
    return AzureStore(
        container,
        prefix=prefix or None,
        config={"account_name": account, "endpoint": endpoint},
        credential_provider=None if has_key else azure_ml_token(environment),
        **options,
    )


def _split_address(url: SplitResult, parts: list[str]) -> tuple[str, str, str, str]:
    """Account, endpoint, container and prefix. The account is the first label of the host, or the first segment of the
    path when the host is an IP address.
    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""
    address = f"{url.scheme}://{url.netloc}"
    try:
        ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return url.netloc.partition(".")[0], address, parts[0], "/".join(parts[1:])
    if len(parts) < 2:
        raise ValueError("the container is missing")
    return parts[0], f"{address}/{parts[0]}", parts[1], "/".join(parts[2:])


def azure_ml_token(environment: Mapping[str, str]) -> Callable[[], Any] | None:
    """A function that gives obstore a fresh token; None outside an Azure ML container.

    ``UAI_CLIENT_ID`` selects a user-assigned identity. Azure's own examples use that name.
    """
    address, secret = environment.get("MSI_ENDPOINT"), environment.get("MSI_SECRET")
    if not (address and secret):
        return None
    query = {"api-version": "2017-09-01", "resource": STORAGE}
    if client := environment.get("UAI_CLIENT_ID"):
        query["clientid"] = client

    def token() -> dict[str, object]:
        request = Request(f"{address}?{urlencode(query)}", headers={"secret": secret})
        with urlopen(request, timeout=TOKEN_TIMEOUT_SECONDS) as response:  # errors have the status, never the secret
            data = json.load(response)
        return {"token": data["access_token"], "expires_at": datetime.fromtimestamp(int(data["expires_on"]), UTC)}

    return token
