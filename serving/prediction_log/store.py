"""The address of the prediction log → a function that stores an object there.

Credentials are those that the cloud gives to its containers, found by obstore itself in the environment and the
metadata service (SageMaker's role, Cloud Run's service account); Azure ML's way is in azure_identity.py.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from intermodal.platform.errors import MissingExtra
from intermodal.serving.errors import StartError
from intermodal.serving.prediction_log.azure_identity import azure_ml_token
from intermodal.serving.prediction_log.log import Put

if TYPE_CHECKING:
    from obstore.store import ClientConfig

VARIABLE = "INTERMODAL_PREDICTIONS"
FORMS = "s3://<bucket>, gs://<bucket>, https://<account>.blob.core.windows.net/<container> or file:///<folder>"
ADDRESSES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "GOOGLE_BASE_URL")
"""Variables with another address of a store than the cloud's own, which obstore reads."""
AZURE_KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_SAS_TOKEN")


def open_place(uri: str, environment: Mapping[str, str]) -> Put:
    """StartError when the address is none that is known, or its settings are not taken. The store is not asked yet."""
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise MissingExtra("obstore", "serving") from error
    try:
        store = _store(urlsplit(uri), environment)
    except (BaseError, ValueError, OSError) as error:
        raise _wrong(uri, str(error).partition("\n")[0]) from error

    def put(key: str, data: bytes) -> None:
        obstore.put(store, key, data, use_multipart=False)

    return put


def _store(url: SplitResult, environment: Mapping[str, str]) -> Any:
    from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

    if url.query or url.username or url.password:
        raise ValueError("credentials do not belong into an address")
    path = unquote(url.path).strip("/")
    plain = url.scheme == "http" or any(environment.get(name, "").startswith("http://") for name in ADDRESSES)
    # One try: the log itself tries again, and counts. Short, so that a server that is told to stop gets a second one.
    client: ClientConfig = {"connect_timeout": "2s", "timeout": "5s", "allow_http": plain}
    common: dict[str, Any] = {"client_options": client, "retry_config": {"max_retries": 0}}
    match url.scheme:
        case "s3" if url.netloc:
            return S3Store(url.netloc, prefix=path or None, **common)
        case "gs" if url.netloc:
            return GCSStore(url.netloc, prefix=path or None, **common)
        case "http" | "https" if path:
            account, endpoint, parts = _account(url, path.split("/"))
            token = azure_ml_token(environment)
            return AzureStore(
                parts[0],
                prefix="/".join(parts[1:]) or None,
                config={"account_name": account, "endpoint": endpoint},
                credential_provider=None if any(environment.get(name) for name in AZURE_KEYS) else token,
                **common,
            )
        case "file" if path:
            return LocalStore(Path("/") / path, mkdir=True)
    raise ValueError("there is no such kind of place")


def _account(url: SplitResult, parts: list[str]) -> tuple[str, str, list[str]]:
    """Account, address and path of a blob: the account is the host's first label, or, where the host is an IP address,
    the path's first segment.
    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""
    address = f"{url.scheme}://{url.netloc}"
    try:
        ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return url.netloc.partition(".")[0], address, parts
    if len(parts) < 2:
        raise ValueError("the container is missing")
    return parts[0], f"{address}/{parts[0]}", parts[1:]


def _shown(uri: str) -> str:
    """Without what may be a credential."""
    before, _, after = uri.partition("?")[0].rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if before else after


def _wrong(uri: str, reason: str) -> StartError:
    return StartError(f"{VARIABLE} is '{_shown(uri)}', which cannot be used: {reason}.", hint=f"Give {FORMS}.")
