"""Small documents that several processes change: each change is atomic, in a folder and in a bucket.

A change names the version that it was made from and is refused when the document has another by now. In a bucket the
store itself compares (a conditional PUT); in a folder a file lock keeps the writers apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from upath import UPath

from intermodal.platform.errors import MissingExtra, NotFound, Unavailable
from intermodal.resources.storage.addresses import at_address
from intermodal.resources.storage.errors import is_missing_bucket, translated
from intermodal.resources.storage.object_store import client_options, retry_config

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BUCKET_SCHEMES = frozenset({"s3", "gs", "az", "abfs"})
RETRY_SECONDS = 10.0
"""For how long a request to a bucket is tried again."""
GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


@dataclass(frozen=True)
class Document:
    """``version`` is what its store knows this content by."""

    text: str
    version: Any


class Documents(Protocol):
    """Documents below one address, by keys such as ``open/a.json``."""

    def read(self, key: str) -> Document | None: ...

    def create(self, key: str, text: str) -> bool:
        """False, and nothing is written, when there is such a document."""

    def replace(self, key: str, text: str, version: Any) -> bool:
        """False, and nothing is written, when the document has another version by now or is gone."""

    def delete(self, key: str) -> None:
        """Idempotent."""

    def names(self, folder: str) -> Sequence[str]:
        """The names in a folder, without those of half-written documents."""


def documents(address: str) -> Documents:
    """For a folder, for a bucket (``s3://``, ``gs://``, ``az://``), or for what else fsspec knows by ``address``, where
    nothing keeps two writers apart."""
    return Bucket(address) if urlsplit(address).scheme in BUCKET_SCHEMES else Folder(address)


class Folder:
    """A document is replaced whole, by rename, under one lock for the whole folder; its version is its text."""

    def __init__(self, address: str) -> None:
        self._root = at_address(address)

    def read(self, key: str) -> Document | None:
        try:
            text = (self._root / key).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return Document(text, text)

    def create(self, key: str, text: str) -> bool:
        return self._write(key, text, None)

    def replace(self, key: str, text: str, version: Any) -> bool:
        return self._write(key, text, version)

    def delete(self, key: str) -> None:
        (self._root / key).unlink(missing_ok=True)

    def names(self, folder: str) -> Sequence[str]:
        # Not by iterdir or glob: to them a store that does not answer is a folder that is not there.
        path = self._root / folder
        try:
            names = [name.rpartition("/")[2] for name in path.fs.ls(path.path, detail=False)]
        except FileNotFoundError:
            return []
        return [name for name in names if not name.startswith(".")]

    def _write(self, key: str, text: str, version: str | None) -> bool:
        with self._locked():
            known = self.read(key)
            if (known and known.version) != version:
                return False
            path: UPath = self._root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{uuid4().hex}")
            try:
                fresh.write_text(text, encoding="utf-8")
                fresh.rename(path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
            return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._root.protocol not in ("", "file", "local"):
            yield
            return
        import fcntl

        folder = Path(self._root.path)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released with the file, also by a kill
            yield


class Bucket:
    """S3 and Azure compare ETags, Cloud Storage compares generations. Credentials are the cloud's own: boto3's chain,
    Application Default Credentials, azure-identity's or an account key in the environment."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._scheme, self._name, self._prefix = parts.scheme, parts.netloc, parts.path.strip("/")
        self._place = f"bucket of {parts.scheme}://{parts.netloc}"

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
                return Document(bytes(found.bytes()).decode(), version)
            except FileNotFoundError as error:
                _absent(error)
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
                _absent(error)

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
                # In one request: a multipart upload knows no condition.
                obstore.put(self._store, self._path(key), text.encode(), mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return False
            except FileNotFoundError as error:
                _absent(error)  # S3 answers so to a condition on an object that was deleted
                return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """A bucket that is not there is Unavailable: NotFound would be taken for a document that is not there."""
        try:
            with translated(self._place):
                yield
        except NotFound as error:
            raise Unavailable(error.message, hint=error.hint) from error

    def _path(self, key: str) -> str:
        return f"{self._prefix}/{key}".lstrip("/")


def _absent(error: FileNotFoundError) -> None:
    """An object that is not there is an answer; a bucket that is not there is an error."""
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
    # The account is AZURE_STORAGE_ACCOUNT_NAME, its address AZURE_STORAGE_ENDPOINT where that is set: obstore reads both.
    return AzureStore(
        container,
        credential_provider=provider,
        client_options=client_options(os.environ.get("AZURE_STORAGE_ENDPOINT", "")),
        retry_config=retry_config(RETRY_SECONDS),
    )
