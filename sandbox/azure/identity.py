"""Who may call the sandbox's Azure, and how the official clients find it."""

import base64
import importlib.metadata
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from intermodal.platform.targets import Site
from intermodal.sandbox.azure.pem import BUNDLE, CA
from intermodal.sandbox.settings import IMAGE, REPOSITORIES, Settings

TENANT = "00000000-0000-0000-0000-00000000a001"
CLIENT = "00000000-0000-0000-0000-00000000a002"
SUBSCRIPTION = "00000000-0000-0000-0000-00000000a0a0"
GROUP = "intermodal"
WORKSPACE = "intermodal"
FUNCTIONS_PLAN = "intermodal-functions"
FUNCTIONS_CLIENT = "00000000-0000-0000-0000-00000000a003"
"""The client id of the containers' identity."""
REGION = "eastus"
SITE = Site("azure")
ACCOUNT = "devstoreaccount1"
CONTAINER = "intermodal-models"
REGISTRY = "intermodal.azurecr.io"


@dataclass(frozen=True)
class Identity:
    """Secrets of one sandbox. ``storage_key`` is base64, as Azure gives account keys; ``token_key`` signs tokens."""

    client_secret: str = field(repr=False)
    storage_key: str = field(repr=False)
    token_key: str = field(repr=False)


def folder(settings: Settings) -> Path:
    return settings.folder(SITE)


def identity(settings: Settings) -> Identity:
    """The secrets and certificates, made on the first call and the same ever after."""
    from filelock import FileLock

    home = folder(settings)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # the state in it holds endpoint keys
    path = home / "identity.json"
    with FileLock(home / "identity.lock"):
        if not ((home / CA).exists() and path.exists()):
            from intermodal.sandbox.azure import certificates

            certificates.make(home)
            key = base64.b64encode(secrets.token_bytes(64)).decode()
            made = Identity(secrets.token_urlsafe(32), key, secrets.token_hex(32))
            certificates.write_private(path, json.dumps(asdict(made)).encode())
        return Identity(**json.loads(path.read_text(encoding="utf-8")))


def storage_key(settings: Settings) -> dict[str, str]:
    """How a container reaches Blob storage: the account's key. Azure has a managed identity, not emulated."""
    return {"AZURE_STORAGE_ACCOUNT_KEY": identity(settings).storage_key}


def variables(settings: Settings, site: Site = SITE) -> dict[str, str]:
    """Environment variables: the SDK's standard ones, and the addresses that our adapters are configured with."""
    known, home = identity(settings), folder(settings)
    front = f"https://127.0.0.1:{settings.port(site)}"
    return {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": CLIENT,
        "AZURE_CLIENT_SECRET": known.client_secret,
        "AZURE_AUTHORITY_HOST": front,
        "REQUESTS_CA_BUNDLE": str(home / BUNDLE),
        "SSL_CERT_FILE": str(home / BUNDLE),
        "INTERMODAL_AZURE_SUBSCRIPTION": SUBSCRIPTION,
        "INTERMODAL_AZURE_RESOURCE_GROUP": GROUP,
        "INTERMODAL_AZURE_WORKSPACE": WORKSPACE,
        "INTERMODAL_AZURE_REGION": REGION,
        "INTERMODAL_AZURE_MANAGEMENT_ENDPOINT": front,
        "INTERMODAL_AZURE_STORAGE_ACCOUNT": ACCOUNT,
        "INTERMODAL_AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{settings.ports.azure_blob}/{ACCOUNT}",
        "INTERMODAL_AZURE_CONTAINER": CONTAINER,
        **storage_key(settings),
        "INTERMODAL_AZURE_FUNCTIONS_PLAN": FUNCTIONS_PLAN,
        "INTERMODAL_AZURE_FUNCTIONS_IDENTITY": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/serving",
        "INTERMODAL_AZURE_FUNCTIONS_IDENTITY_CLIENT": FUNCTIONS_CLIENT,
        "INTERMODAL_AZURE_FUNCTIONS_ADDRESS": f"{front}/function-apps/{{host}}",
        "INTERMODAL_AZURE_REGISTRY": f"{front}/{REPOSITORIES}",
        "INTERMODAL_AZURE_IMAGE": f"{REGISTRY}/{IMAGE}:{importlib.metadata.version('intermodal')}",
    }
