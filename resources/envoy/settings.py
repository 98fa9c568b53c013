"""The numbers of the gateway, and the paths of its files."""

import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

SOCKET_LIMIT = 100
"""Bytes in a Unix socket's path: Linux has 108 (unix(7)), some are kept back."""


@dataclass(frozen=True)
class Settings:
    """Seconds, all of them.

    ``try_seconds``: how long one upstream may take before the next is tried. ``probe_seconds``: between golden-row
    probes of a healthy upstream. ``recovery_seconds``: between probes of an unhealthy upstream. ``ca_bundle``: PEM file
    that https endpoints are checked against; empty means the system's.
    """

    try_seconds: float = 0.8
    probe_seconds: float = 10.0
    recovery_seconds: float = 1.0
    ca_bundle: str = ""


@dataclass(frozen=True)
class Paths:
    """The files of one gateway. ``generated`` ones are rendered from ``routes``; ``secrets`` are only for the owner."""

    directory: Path

    @property
    def bootstrap(self) -> Path:
        return self.directory / "bootstrap.json"

    @property
    def clusters(self) -> Path:
        return self.directory / "clusters.json"

    @property
    def entrance(self) -> Path:
        return self.directory / "entrance.json"

    @property
    def upstreams(self) -> Path:
        return self.directory / "upstreams.json"

    @property
    def routes(self) -> Path:
        return self.directory / "routes"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    @property
    def lock(self) -> Path:
        return self.directory / "publish.lock"

    @property
    def socket(self) -> Path:
        """Where the upstream listener is. Connecting is using the credentials: it is 0600, in a folder of 0700."""
        inside = self.directory / "upstreams" / "upstreams.sock"
        if len(str(inside).encode()) <= SOCKET_LIMIT:
            return inside
        short = sha256(str(self.directory).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"im-{short}" / "upstreams.sock"
