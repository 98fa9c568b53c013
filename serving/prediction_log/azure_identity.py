"""The managed identity of an Azure ML endpoint: ``MSI_ENDPOINT`` and ``MSI_SECRET`` in the container's environment.

obstore knows the identities of virtual machines, App Service and AKS, but not this one, whose secret goes into a header
of its own. Source: azure-identity, azure/identity/_credentials/azure_ml.py.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

STORAGE = "https://storage.azure.com/"
SECONDS = 5


def azure_ml_token(environment: Mapping[str, str]) -> Callable[[], Any] | None:
    """What gives obstore a fresh token when it wants one; None when this is no Azure ML container.

    ``UAI_CLIENT_ID`` chooses a user-assigned identity, the name in Azure's own examples.
    """
    address, secret = environment.get("MSI_ENDPOINT"), environment.get("MSI_SECRET")
    if not (address and secret):
        return None
    wanted = {"api-version": "2017-09-01", "resource": STORAGE}
    if client := environment.get("UAI_CLIENT_ID"):
        wanted["clientid"] = client

    def token() -> dict[str, object]:
        request = Request(f"{address}?{urlencode(wanted)}", headers={"secret": secret})
        with urlopen(request, timeout=SECONDS) as answer:  # raises with the status, never with the secret
            found = json.load(answer)
        return {"token": found["access_token"], "expires_at": datetime.fromtimestamp(int(found["expires_on"]), UTC)}

    return token
