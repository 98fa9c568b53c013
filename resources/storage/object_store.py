"""The base of all object stores: obstore's calls with Intermodal's errors, and the mirror."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from pydantic import BaseModel, ConfigDict, Field

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.object_store import MirrorReport
from intermodal.platform.protocol.manifest import Manifest
from intermodal.platform.targets import Site
from intermodal.resources.storage import mirror
from intermodal.resources.storage.errors import translated

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

log = logging.getLogger(__name__)


class ObstoreResource(BaseModel):
    """A bucket (or container) of one site; fulfils ``platform.ports.ObjectStore``.

    A subclass adds ``site``, ``uri``, ``description`` and ``connect``. The bucket must exist: it is never created here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    retry_seconds: float = Field(
        default=60,
        description="Limit of the retries of a throttled, failing or unreachable store, in seconds.",
    )

    @property
    @abstractmethod
    def site(self) -> Site: ...

    @abstractmethod
    def uri(self, prefix: str) -> str: ...

    @property
    @abstractmethod
    def description(self) -> str:
        """The store in error texts: its name and the setting that chooses it."""

    @abstractmethod
    def connect(self) -> Any:
        """The obstore store, with credentials of the cloud's own identity flow."""

    @cached_property
    def _store(self) -> Any:
        return self.connect()

    def mirror(self, source: Path, manifest: Manifest, prefix: str) -> MirrorReport:
        manifest.require_portable()
        with translated(self.description):
            report = mirror.Mirror(self._store, _segments(prefix), self.uri(prefix)).run(source, manifest)
        log.info(
            "%s: %d copied, %d repaired, %d kept, %d removed, %d bytes sent in %.1f s",
            *(report.uri, len(report.copied), len(report.repaired), len(report.kept), len(report.removed)),
            *(report.bytes_copied, report.seconds),
        )
        return report

    def damaged(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        with translated(self.description):
            return mirror.Mirror(self._store, _segments(prefix), self.uri(prefix)).damaged(manifest)

    def changed(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        with translated(self.description):
            return mirror.Mirror(self._store, _segments(prefix), self.uri(prefix)).changed(manifest)

    def put(self, key: str, data: bytes) -> None:
        with translated(self.description):
            obstore.put(self._store, key, data)

    def get(self, key: str) -> bytes:
        with translated(self.description):
            return bytes(obstore.get(self._store, key).bytes())

    def download(self, key: str, target: Path) -> str:
        with translated(self.description), target.open("wb") as file:
            return mirror.read(self._store, key, file.write).sha256

    def list(self, prefix: str) -> Mapping[str, int]:
        with translated(self.description):
            return {str(found["path"]): int(found["size"]) for found in obstore.list(self._store, prefix).collect()}

    def delete(self, key: str) -> None:
        with translated(self.description):
            mirror.delete(self._store, key)


def client_options(address: str, bundles: Sequence[str] = ()) -> ClientConfig:
    """Options for ``address`` ('' is the cloud itself): http only for an http address, and the CA bundle that is set.

    ``bundles`` names environment variables that may have its path; the first that is set counts.
    """
    # A long download is one request, so the pause between bytes (read_timeout) is limited rather than its total time.
    options: ClientConfig = {"connect_timeout": "5s", "read_timeout": "120s", "timeout": "6h"}
    if address.startswith("http://"):
        return {**options, "allow_http": True}
    for variable in (*bundles, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        if path := os.environ.get(variable):
            try:
                return {**options, "root_certificate": Path(path).read_bytes()}
            except OSError as error:
                raise IntermodalError(
                    f"The CA bundle {path} cannot be read: {error.strerror}.", hint=f"Correct or unset {variable}."
                ) from error
    return options


def retry_config(seconds: float) -> RetryConfig:
    """Exponential backoff with jitter, for at most ``seconds``."""
    return {
        "max_retries": 20,
        "retry_timeout": timedelta(seconds=seconds),
        "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
    }


def _segments(prefix: str) -> str:
    return prefix.strip("/")
