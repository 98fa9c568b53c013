"""The adapter, and an upload that does not depend on our own object store, from the sandbox's variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obstore.store import AzureStore

from intermodal.resources.azure.targets.functions.target import FunctionsTarget
from intermodal.resources.azure.targets.ml.target import AzureMlTarget


def make(variables: Mapping[str, str], **fields: Any) -> AzureMlTarget:
    known = {
        "subscription_id": variables["INTERMODAL_AZURE_SUBSCRIPTION"],
        "resource_group": variables["INTERMODAL_AZURE_RESOURCE_GROUP"],
        "workspace": variables["INTERMODAL_AZURE_WORKSPACE"],
        "region": variables["INTERMODAL_AZURE_REGION"],
        "management_endpoint": variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"],
    }
    return AzureMlTarget(**{**known, "timeout_seconds": 60, **fields})


def upload(variables: Mapping[str, str], folder: Path, prefix: str) -> str:
    """Put the folder's files below ``prefix``; the URI that a DeployRequest takes."""
    container, address = variables["INTERMODAL_AZURE_CONTAINER"], variables["INTERMODAL_AZURE_STORAGE_ENDPOINT"]
    store = AzureStore(
        container,
        config={
            "account_name": variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
            "account_key": variables["AZURE_STORAGE_ACCOUNT_KEY"],
            "endpoint": address,
        },
        client_options={"allow_http": True},
    )
    for path in folder.iterdir():
        store.put(f"{prefix}/{path.name}", path.read_bytes())
    return f"{address}/{container}/{prefix}"


def make_functions(variables: Mapping[str, str], **fields: Any) -> FunctionsTarget:
    known = {
        "subscription_id": variables["INTERMODAL_AZURE_SUBSCRIPTION"],
        "resource_group": variables["INTERMODAL_AZURE_RESOURCE_GROUP"],
        "region": variables["INTERMODAL_AZURE_REGION"],
        "plan": variables["INTERMODAL_AZURE_FUNCTIONS_PLAN"],
        "identity_id": variables["INTERMODAL_AZURE_FUNCTIONS_IDENTITY"],
        "identity_client_id": variables["INTERMODAL_AZURE_FUNCTIONS_IDENTITY_CLIENT"],
        "storage_account": variables["INTERMODAL_AZURE_STORAGE_ACCOUNT"],
        "management_endpoint": variables["INTERMODAL_AZURE_MANAGEMENT_ENDPOINT"],
        "address": variables["INTERMODAL_AZURE_FUNCTIONS_ADDRESS"],
    }
    return FunctionsTarget(**{**known, "timeout_seconds": 60, **fields})
