"""Who we are on Azure: azure-identity's usual chain (environment, workload identity, managed identity, az login)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import MissingExtra

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

AUTHORITY = "AZURE_AUTHORITY_HOST"
LIMITS: dict[str, Any] = {"connection_timeout": 5, "read_timeout": 30}
"""Seconds that one call waits for a connection, and for an answer; azure-core's defaults are 300 and 300."""


def credential() -> TokenCredential:
    """A credential for management calls. It asks for a token when it is first used, and renews it.

    An authority of one's own (AZURE_AUTHORITY_HOST: private and disconnected clouds) is not looked up in the public
    cloud first. Source: https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
    """
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise MissingExtra("azure-identity", "azure") from error
    return DefaultAzureCredential(disable_instance_discovery=AUTHORITY in os.environ, **LIMITS)
