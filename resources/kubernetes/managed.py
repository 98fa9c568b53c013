"""A cluster that a cloud runs: how its API server is reached, with tokens that are renewed before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from intermodal.platform.errors import MissingExtra
from intermodal.platform.ports.endpoints import BearerToken
from intermodal.resources.kubernetes.connection import EXTRA

EARLY_SECONDS = 60
"""A token is renewed so long before it expires: a call, or the opening of a watch, must end with a valid one."""


@dataclass(frozen=True)
class Cluster:
    """``authority`` is the certificate authority as base64 of PEM; empty: a public one signed the server's."""

    address: str
    authority: str = ""


@dataclass
class Renewed:
    """The token of ``fetch``, kept until shortly before it expires. Threads share it."""

    fetch: Callable[[], BearerToken]
    _token: BearerToken | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def get(self) -> str:
        """What ``fetch`` raises, when there is no valid one."""
        with self._lock:
            if self._token is None or time.time() > (self._token.expires_at or 0) - EARLY_SECONDS:
                self._token = self.fetch()
            return self._token.token


def configuration(cluster: Cluster, token: Callable[[], BearerToken]) -> Any:
    """The official client's configuration. It asks its hook for the token before every call."""
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import load_kube_config_from_dict
    except ImportError as error:
        raise MissingExtra("kubernetes", EXTRA) from error
    found, renewed = Configuration(), Renewed(token)
    load_kube_config_from_dict(_kubeconfig(cluster), client_configuration=found, persist_config=False)

    def renew(own: Any) -> None:
        own.api_key["BearerToken"] = f"Bearer {renewed.get()}"

    renew(found)  # without a key, the client sends no header and does not call the hook
    found.refresh_api_key_hook = renew
    return found


def _kubeconfig(cluster: Cluster) -> dict[str, Any]:
    authority = {"certificate-authority-data": cluster.authority} if cluster.authority else {}
    name = "managed"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": cluster.address, **authority}}],
        "users": [{"name": name, "user": {}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
