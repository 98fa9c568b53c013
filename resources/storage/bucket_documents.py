"""Small documents in a bucket: S3 and Azure compare ETags, Cloud Storage compares generations, in the PUT itself.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
https://docs.cloud.google.com/storage/docs/request-preconditions
https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from intermodal.platform.errors import MissingExtra, NotFound, Unavailable
from intermodal.resources.storage.documents import Document
from intermodal.resources.storage.errors import is_missing_bucket, translated
from intermodal.resources.storage.object_store import client_options, retry_config

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BUCKET_SCHEMES = frozenset({"s3", "gs", "az", "abfs"})
RETRY_SECONDS = 10.0
"""Limit of the retries of a request."""
GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


def is_bucket(address: str) -> bool:
    return urlsplit(address).scheme in BUCKET_SCHEMES


class Bucket:
    """Documents below ``s3://bucket/prefix``, ``gs://`` or ``az://container/prefix``. Errors: those of an object store.

    Credentials are the cloud's own: boto3's chain, Application Default Credentials, azure-identity's or an account key
    in the environment.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._scheme, self._name, self._prefix = parts.scheme, parts.netloc, parts.path.strip("/")
        self._description = f"bucket of {parts.scheme}://{parts.netloc}"

    @cached_property
    def _store(self) -> ObjectStore:
        match self._scheme:
            case "s3":
                return _s3(self._name)
            case "gs":
                return _gcs(self._name)
            case _:
                return _azure(self._name)

    def read(self, key: str) -> Document | None:
        import obstore

        with self._translated():
            try:
                found = obstore.get(self._store, self._path(key))
                version = {name: found.meta[name] for name in ("e_tag", "version") if found.meta.get(name)}
                return Document(bytes(found.bytes()).decode(errors="replace"), version)
            except FileNotFoundError as error:
                _require_bucket(error)
                return None

    def create(self, key: str, text: str) -> bool:
        return self._put(key, text, "create")

    def replace(self, key: str, text: str, version: Any) -> bool:
        return self._put(key, text, version)

    def delete(self, key: str) -> None:
        import obstore

        with self._translated():
            try:
                obstore.delete(self._store, self._path(key))
            except FileNotFoundError as error:
                _require_bucket(error)

    def names(self, folder: str) -> Sequence[str]:
        import obstore

        with self._translated():
            found = obstore.list(self._store, self._path(folder)).collect()
        return [str(meta["path"]).rpartition("/")[2] for meta in found]

    def _put(self, key: str, text: str, mode: Any) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._translated():
            try:
                # In one request: a multipart upload has no conditions.
                obstore.put(self._store, self._path(key), text.encode(), mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
            except FileNotFoundError as error:
                _require_bucket(error)  # S3's response to a condition on an object that was deleted
                return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """A missing bucket is Unavailable: NotFound would be read as a missing document."""
        try:
            with translated(self._description):
                yield
        except NotFound as error:
            raise Unavailable(error.message, hint=error.hint) from error

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}".lstrip("/")


def _require_bucket(error: FileNotFoundError) -> None:
    """Raise the error of a missing bucket. A missing object is no error."""
    if is_missing_bucket(error):
        raise error


def _s3(bucket: str) -> ObjectStore:
    from obstore.store import S3Store

    try:
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise MissingExtra("boto3", "aws") from error
    variables = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    endpoint = next((os.environ[name] for name in variables if os.environ.get(name)), "")
    session = boto3.Session()
    region = session.region_name or "us-east-1"
    return S3Store(
        bucket,
        config={"region": region, **({"endpoint": endpoint} if endpoint else {})},
        credential_provider=Boto3CredentialProvider(session),
        client_options=client_options(endpoint, ["AWS_CA_BUNDLE"]),
        retry_config=retry_config(RETRY_SECONDS),
    )


def _gcs(bucket: str) -> ObjectStore:
    from obstore.store import GCSStore

    try:
        import google.auth
        from obstore.auth.google import GoogleCredentialProvider
    except ImportError as error:
        raise MissingExtra("google-auth", "gcp") from error
    credentials, _ = google.auth.default(scopes=[GOOGLE_SCOPE])
    return GCSStore(
        bucket,
        credential_provider=GoogleCredentialProvider(credentials),
        client_options=client_options(""),
        retry_config=retry_config(RETRY_SECONDS),
    )


def _azure(container: str) -> ObjectStore:
    from obstore.store import AzureStore

    keys = ("ACCOUNT_KEY", "ACCESS_KEY", "SAS_TOKEN", "SAS_KEY")
    provider = None
    if not any(os.environ.get(f"AZURE_STORAGE_{name}") for name in keys):
        try:
            from obstore.auth.azure import AzureCredentialProvider
        except ImportError as error:
            raise MissingExtra("azure-identity", "azure") from error
        provider = AzureCredentialProvider()
    # obstore reads the account, AZURE_STORAGE_ACCOUNT_NAME, and its address, AZURE_STORAGE_ENDPOINT, itself.
    return AzureStore(
        container,
        credential_provider=provider,
        client_options=client_options(os.environ.get("AZURE_STORAGE_ENDPOINT", "")),
        retry_config=retry_config(RETRY_SECONDS),
    )
