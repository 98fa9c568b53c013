"""The cluster of a cloud's site, within the program of the site's front: it dies with it, and comes back with what it
had. It starts when it is first needed, so a sandbox without such a target has no cluster."""

import asyncio
import base64
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from intermodal.platform.targets import Site
from intermodal.sandbox import clouds
from intermodal.sandbox.azure import pem
from intermodal.sandbox.front import Context
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.resources import NAMESPACE as NAMESPACES
from intermodal.sandbox.kubernetes.resources import SERVICE_ACCOUNT as SERVICE_ACCOUNTS
from intermodal.sandbox.kubernetes.server import Cloud, Cluster, Settings
from intermodal.sandbox.settings import CLUSTER, SERVICE_ACCOUNT, free_port

NAMESPACE = "intermodal"
TABLE = "clusters"
PACE = 0.1
"""Real seconds for a second of the kubelet."""


@dataclass
class Hosted:
    """``kind`` is the kind of target. ``user`` is whose a token of the cloud is, ``identity`` the variables of what
    the service account SERVICE_ACCOUNT stands for; ``label`` is what a Pod must have besides (``key=value``)."""

    context: Context
    kind: str
    user: Callable[[str], str]
    identity: Callable[[], Mapping[str, str]]
    label: str = ""
    _cluster: Cluster | None = field(default=None, init=False)
    _running: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def resume(self) -> None:
        """Start it, if it has ever been."""
        if self.kind in self.context.state.table(TABLE):
            await self.get()

    async def get(self) -> Cluster:
        async with self._lock:
            if self._cluster is None:
                self._cluster = await self._start()
            return self._cluster

    async def stop(self) -> None:
        await self._running.aclose()

    @property
    def authority(self) -> str:
        """base64 of the certificate authority of a cluster that was started."""
        return base64.b64encode((self._home / pem.CA).read_bytes()).decode()

    @property
    def _home(self) -> Any:
        return self.context.home / self.kind

    async def _start(self) -> Cluster:
        """At the port that it had before, since addresses of its load balancers are made of it."""
        table = self.context.state.table(TABLE)
        if self.kind not in table:
            table[self.kind] = {"port": free_port(), "token": secrets.token_hex(16)}
            self.context.state.save()
        known = table[self.kind]
        options = Options(
            registry=str(self.context.site),
            environ=self._environ(),
            pace=PACE,
            workload_identity=self._workload_identity,
            slow_start=lambda: self.context.faults.slow_start_seconds,
        )
        settings = Settings(CLUSTER, self._home, known["port"], known["token"], run=options)
        cloud = Cloud(self.kind, self.user, lambda: self.context.faults)
        cluster = await asyncio.to_thread(Cluster, settings, cloud)
        await self._running.enter_async_context(cluster.running())
        if cluster.store.get(NAMESPACES, "", NAMESPACE) is None:
            cluster.objects.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
            account = {"metadata": {"name": SERVICE_ACCOUNT, "namespace": NAMESPACE}}
            cluster.objects.create(SERVICE_ACCOUNTS, account, NAMESPACE)
        return cluster

    def _environ(self) -> dict[str, str]:
        """With which nodes pull from the site's registry."""
        site = self.context.site
        return os.environ | clouds.variables(self.context.settings, dict.fromkeys((Site(site.cloud), site)))

    def _workload_identity(self, pod: Mapping[str, Any]) -> Mapping[str, str]:
        key, _, value = self.label.partition("=")
        labels = pod["metadata"].get("labels") or {}
        if pod["spec"].get("serviceAccountName") != SERVICE_ACCOUNT or (key and labels.get(key) != value):
            return {}
        return self.identity()
