"""Identity on Azure: azure-identity's usual chain (environment, workload identity, managed identity, az login)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import MissingExtra

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

AUTHORITY = "AZURE_AUTHORITY_HOST"
CALL_LIMITS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
"""Time limits of one call, in seconds; azure-core's defaults are 300 and 300."""


def credential() -> TokenCredential:
    """A credential for management calls. It fetches a token on first use, and renews it.

    The authority of a private or disconnected cloud (AZURE_AUTHORITY_HOST) is not first looked up in the public cloud.
    Source: https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
    """
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise MissingExtra("azure-identity", "azure") from error
    return DefaultAzureCredential(disable_instance_discovery=AUTHORITY in os.environ, **CALL_LIMITS)
