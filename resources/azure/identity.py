"""Who we are on Azure: azure-identity's usual chain (environment, workload identity, managed identity, az login)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from intermodal.platform.errors import MissingExtra

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

AUTHORITY = "AZURE_AUTHORITY_HOST"


def credential() -> TokenCredential:
    """A credential for management calls. It asks for a token when it is first used, and renews it.

    An authority of one's own (AZURE_AUTHORITY_HOST: private and disconnected clouds) is not looked up in the public
    cloud first. Source: https://learn.microsoft.com/python/api/azure-identity/azure.identity.defaultazurecredential
    """
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise MissingExtra("azure-identity", "azure") from error
    return DefaultAzureCredential(disable_instance_discovery=AUTHORITY in os.environ)
