"""Targets and their endpoints in memory. Endpoints predict with the server's data plane."""

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intermodal.platform.errors import (
    DeployFailed,
    NotFound,
    SpecError,
    Unavailable,
)
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import BearerToken, DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.protocol.package import DESCRIPTOR, Package
from intermodal.platform.targets import Site, Target
from intermodal.serving.dataplane import DataPlane, open_plane
from tests.memory.storage import MemoryStore


@dataclass
class MemoryDeployment:
    """``builds``: the sites without an image of the team's own."""

    environment: str = "sandbox"
    trusted_keys: tuple[bytes, ...] = ()
    builds: frozenset[Site] = frozenset()

    def image(self, site: Site) -> str:
        return "" if site in self.builds else f"registry.{site.cloud}/intermodal/server:0.1.0"


class MemoryTarget:
    """``broken`` makes deploys fail with that reason, ``gone`` makes every call fail as in an outage.

    ``changes`` counts the deploys and deletes that changed something."""

    def __init__(self, target: Target, store: MemoryStore) -> None:
        self.target, self.store = target, store
        self.endpoints: dict[str, Endpoint] = {}
        self.planes: dict[str, DataPlane] = {}
        self.deploys: list[DeployRequest] = []
        self.requests: dict[str, DeployRequest] = {}
        self.changes = 0
        self.broken, self.gone = "", False
        self.expires_at: float | None = None
        self.measured: list[Figures] = []

    def _reach(self) -> None:
        if self.gone:
            raise Unavailable(f"{self.target} does not answer.")

    def deploy(self, request: DeployRequest) -> Endpoint:
        self._reach()
        if self.broken:
            raise DeployFailed(f"{self.target}: {self.broken}", hint="Look at the container's log.")
        if existing := self.requests.get(request.name):
            ownership.require_requested(request, existing.all_tags, "The endpoint")
        self.deploys.append(request)
        prefix = request.artifacts.split("://bucket/")[1]
        with tempfile.TemporaryDirectory() as folder:
            for key, data in self.store.objects.items():
                if key.startswith(f"{prefix}/"):
                    path = Path(folder) / key.removeprefix(f"{prefix}/")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
            if not (Path(folder) / DESCRIPTOR).exists():
                raise DeployFailed(f"{self.target}: nothing at {request.artifacts}", hint="Mirror it first.")
            self.planes[request.name] = open_plane(Package.read(Path(folder)), Path(folder), request.version)
        url = f"https://{request.name}.{self.target.dotted}.example"
        served = Endpoint(
            self.target, request.name, request.model, request.version, url, "ready", digest=request.digest
        )
        self.changes += self.requests.get(request.name) != request
        self.requests[request.name] = request
        self.endpoints[request.name] = served
        return served

    @property
    def replicas(self) -> dict[str, int]:
        """Endpoint → servers, of what runs."""
        return {name: request.replicas for name, request in self.requests.items()}

    def describe(self, name: str) -> Endpoint | None:
        self._reach()
        return self.endpoints.get(name) if self._ours(name) else None

    def _ours(self, name: str) -> bool:
        """Tests also put endpoints into ``endpoints``, without tags: they are ours."""
        return name not in self.requests or ownership.is_named_so(name, self.requests[name].all_tags)

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        self._reach()
        found = [e for e in self.endpoints.values() if self._ours(e.name) and e.name.endswith(environment)]
        return [endpoint for endpoint in found if model in (None, endpoint.model)]

    def delete(self, name: str) -> None:
        self._reach()
        if existing := self.requests.get(name):
            ownership.require_own_name(name, existing.all_tags, "The endpoint")
        self.changes += name in self.endpoints
        self.endpoints.pop(name, None)
        self.requests.pop(name, None)

    def invoke(self, name: str, body: bytes) -> bytes:
        self._reach()
        if name not in self.endpoints:
            raise NotFound(f"{self.target} has no endpoint '{name}'.")
        plane = self.planes[name]
        return plane.answer(plane.read_v2(body, "json")).body

    def upstream(self, endpoint: Endpoint) -> Upstream:
        self._reach()
        token = BearerToken(f"token-{time.monotonic_ns()}", self.expires_at)
        return Upstream(self.target, endpoint.version, f"{endpoint.url.removesuffix('/infer')}/infer", token)

    def answers(self) -> bool:
        return not self.gone

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        assert seconds > 0
        self._reach()
        return [figures for figures in self.measured if model in ("", figures.model)]


@dataclass
class MemoryTargets:
    """Fulfils ``ports.Targets``."""

    adapters: Mapping[Target, MemoryTarget]

    @classmethod
    def of(cls, adapters: Iterable[MemoryTarget]) -> "MemoryTargets":
        return cls({adapter.target: adapter for adapter in adapters})

    def enabled(self) -> Sequence[Target]:
        return [target for target in self.adapters if not target.region]

    def defaults(self) -> Sequence[Target]:
        """All but the one that no spec uses by itself."""
        return [target for target in self.enabled() if target.kind != "vertex"]

    def get(self, target: Target) -> MemoryTarget:
        try:
            return self.adapters[target]
        except KeyError as error:
            raise SpecError(f"{target} is not enabled.") from error
