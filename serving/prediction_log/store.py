"""Open the object store of the prediction log, by its address.

obstore itself finds the credentials that the platform gives to the container, in the environment and the metadata
service. The exception is in azure_identity.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from intermodal.platform.errors import MissingExtra
from intermodal.serving.contract import LOG_STORES, STORE_ADDRESSES
from intermodal.serving.errors import StartError
from intermodal.serving.prediction_log.azure_identity import blob_store
from intermodal.serving.prediction_log.log import Put

if TYPE_CHECKING:
    from obstore.store import ClientConfig

VARIABLE = "INTERMODAL_PREDICTIONS"
FORMS = " or ".join((", ".join(rule.name for rule in LOG_STORES[:-1]), LOG_STORES[-1].name))


def open_log_store(uri: str, environment: Mapping[str, str]) -> Put:
    """A function that stores one object. Raises StartError when the address or its settings are wrong. The store itself
    is not called yet."""
    try:
        import obstore
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise MissingExtra("obstore", "serving") from error
    try:
        store = _store(urlsplit(uri), environment)
    except (BaseError, ValueError, OSError) as error:
        raise _invalid(uri, str(error).partition("\n")[0]) from error

    def put(key: str, data: bytes) -> None:
        obstore.put(store, key, data, use_multipart=False)

    return put


def _store(url: SplitResult, environment: Mapping[str, str]) -> Any:
    from obstore.store import GCSStore, LocalStore, S3Store

    if url.query or url.username or url.password:
        raise ValueError("credentials do not belong into an address")
    path = unquote(url.path).strip("/")
    addresses = [rule.value(environment) for rule in STORE_ADDRESSES]
    allow_http = url.scheme == "http" or any(address.startswith("http://") for address in addresses)
    # One attempt, because the log retries and counts. The timeouts are short, so that a stopping server has time for a
    # second attempt.
    client: ClientConfig = {"connect_timeout": "2s", "timeout": "5s", "allow_http": allow_http}
    options: dict[str, Any] = {"client_options": client, "retry_config": {"max_retries": 0}}
    match url.scheme:
        case "s3" if url.netloc:
            return S3Store(url.netloc, prefix=path or None, **options)
        case "gs" if url.netloc:
            return GCSStore(url.netloc, prefix=path or None, **options)
        case "http" | "https" if path:
            return blob_store(url, path, environment, options)
        case "file" if path:
            return LocalStore(Path("/") / path, mkdir=True)
    raise ValueError("it is not an address of a known store")


def _redacted(uri: str) -> str:
    """The address without the parts that may hold a credential."""
    before, _, after = uri.partition("?")[0].rpartition("@")
    return f"{before.partition('://')[0]}://...@{after}" if before else after


def _invalid(uri: str, reason: str) -> StartError:
    return StartError(f"{VARIABLE} is '{_redacted(uri)}', which cannot be used: {reason}.", hint=f"Give {FORMS}.")
