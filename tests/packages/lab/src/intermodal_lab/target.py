"""A process of the packaged server for each endpoint as a target (``lab/process``)."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

import httpx
from intermodal_lab import processes
from intermodal_lab.processes import Server
from intermodal_lab.settings import LabSettings

from intermodal.platform.errors import DeployFailed, NotFound, SpecError, Unavailable
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.protocol.envelope import MAX_BODY_BYTES
from intermodal.platform.protocol.package import DESCRIPTOR
from intermodal.platform.targets import Feature, Limits, Target

KIND = "The process"


@dataclass(frozen=True)
class Record:
    """The servers of an endpoint: the one that answers, and the one that will replace it."""

    serving: Server | None = None
    starting: Server | None = None

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**{name: Server(**server) if server else None for name, server in json.loads(text).items()})


@dataclass(frozen=True)
class ProcessTarget:
    """Serves versions as processes on this machine. Fulfils ``ports.EndpointTarget``.

    State is a JSON file for each endpoint in ``<folder>/endpoints``; a lock beside it makes deploys of one name wait
    for each other, and is released when its holder is killed. A changed endpoint has another port, so its URL changes.
    The upstream is open to every process of the machine.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"lab"})
    extra: ClassVar[str] = ""
    default: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(MAX_BODY_BYTES, MAX_BODY_BYTES, 60, start_seconds=60, name_length=255)
    lacks: ClassVar[Mapping[Feature, str]] = {
        Feature.MONITOR: "a process has no monitor beside the gateway's and Prometheus",
        Feature.REPLICAS: "an endpoint is one process; another would need a port and a load balancer of its own",
    }
    reserved_headers: ClassVar[tuple[str, ...]] = ()

    folder: Path
    named_region: str = ""

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        return cls(Path(LabSettings.of(target.site).folder), target.region)

    @property
    def target(self) -> Target:
        return Target("lab", "process", self.named_region)

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Start a second server, and stop the first when the second is ready."""
        artifacts, fingerprint = _folder_of(request.artifacts), self._fingerprint(request)
        with self._locked(request.name):
            record = self._read(request.name)
            if existing := record.serving or record.starting:
                ownership.require_requested(request, existing.tags, KIND)
            if record.serving and record.serving.fingerprint == fingerprint and record.serving.process:
                return self._endpoint(request.name, record.serving)
            server = record.starting
            if server is None or server.fingerprint != fingerprint or server.process is None:
                if server:
                    server.stop()
                if not (artifacts / DESCRIPTOR).is_file():
                    raise _failed(request.name, f"there is no package at {request.artifacts}")
                variables = {**self._variables(request), **request.variables}
                server = processes.start(self._endpoints, artifacts, variables, fingerprint, request.all_tags)
                self._write(request.name, replace(record, starting=server))
            if reason := server.wait(self.limits.start_seconds):
                self._write(request.name, replace(record, starting=None))
                server.stop()
                raise _failed(request.name, reason)
            self._write(request.name, Record(serving=server))
            if record.serving:
                record.serving.stop()
            return self._endpoint(request.name, server)

    def describe(self, name: str) -> Endpoint | None:
        record = self._read(name)
        serving = record.serving and (record.serving.process or record.starting is None)
        server = record.serving if serving else record.starting
        if server is None or not ownership.is_named_so(name, server.tags):
            return None
        return self._endpoint(name, server, creating=not serving)

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        found = []
        for name in sorted(path.stem for path in self._endpoints.glob("*.json")):
            record, endpoint = self._read(name), self.describe(name)
            server = record.serving or record.starting
            if endpoint and server and server.tags.get("intermodal-environment") == environment:
                found.append(endpoint)
        return [endpoint for endpoint in found if model in (None, endpoint.model)]

    def delete(self, name: str) -> None:
        with self._locked(name):
            record = self._read(name)
            if existing := record.serving or record.starting:
                ownership.require_own_name(name, existing.tags, KIND)
            for server in (record.serving, record.starting):
                if server:
                    server.stop()
            self._write(name, Record())

    def invoke(self, name: str, body: bytes) -> bytes:
        """Retried when a deploy has replaced the server meanwhile."""
        tried = None
        while (endpoint := self.describe(name)) is not None and endpoint.url != tried:
            tried = endpoint.url
            try:
                answer = httpx.post(_infer_url(endpoint), content=body, timeout=60, trust_env=False)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                return answer.content
            if answer.status_code < 500:
                text = f"The model rejects the request ({answer.status_code}): {answer.text[:500]}"
                raise SpecError(text, hint="Correct the body.")
        if tried is None:
            raise NotFound(f"No endpoint '{name}' in {self.folder}.", hint="Deploy it first.")
        raise Unavailable(f"The server of endpoint '{name}' does not answer.", hint="Deploy it again.")

    def upstream(self, endpoint: Endpoint) -> Upstream:
        server = replace(endpoint, url=endpoint.url.removesuffix(_infer_path(endpoint)))
        return Upstream(self.target, endpoint.version, _infer_url(server))

    def answers(self) -> bool:
        return os.access(self.folder, os.W_OK)

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """None: see ``lacks``."""
        return ()

    @property
    def _endpoints(self) -> Path:
        return self.folder.absolute() / "endpoints"

    def _variables(self, request: DeployRequest) -> dict[str, str]:
        return {
            "INTERMODAL_VERSION": request.version,
            "INTERMODAL_CLOUD": self.target.cloud,
            "INTERMODAL_TARGET": str(self.target),
        }

    def _fingerprint(self, request: DeployRequest) -> str:
        """Of everything that a server is started with, except the image, which is this machine's own."""
        parts: dict[str, Any] = {**asdict(request), "image": "", "target": str(self.target)}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _endpoint(self, name: str, server: Server, creating: bool = False) -> Endpoint:
        model, version = server.tags.get("intermodal-model", ""), server.tags.get("intermodal-version", "")
        digest = server.tags.get("intermodal-digest", "")
        if server.process is None:
            return Endpoint(self.target, name, model, version, server.url, "failed", server.log_tail(), digest)
        state: State = "creating" if creating else "ready"
        return Endpoint(self.target, name, model, version, server.url, state, digest=digest)

    def _read(self, name: str) -> Record:
        try:
            return Record.from_json((self._endpoints / f"{name}.json").read_text("utf-8"))
        except FileNotFoundError:
            return Record()

    def _write(self, name: str, record: Record) -> None:
        """Replace the file atomically. An endpoint without a server has no file."""
        path = self._endpoints / f"{name}.json"
        if record == Record():
            path.unlink(missing_ok=True)
            return
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)), "utf-8")
        fresh.replace(path)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        if not self.folder.is_dir():
            raise NotFound(f"There is no folder '{self.folder}'.", hint="Create it, or set INTERMODAL_LAB_FOLDER.")
        self._endpoints.mkdir(exist_ok=True)
        with (self._endpoints / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _folder_of(artifacts: str) -> Path:
    uri = urlsplit(artifacts)
    if uri.scheme != "file" or not uri.path:
        raise SpecError(f"Artifacts here are in a folder, not at '{artifacts}'.", hint="Give a file:// address.")
    return Path(unquote(uri.path))


def _failed(name: str, reason: str) -> DeployFailed:
    return DeployFailed(f"Endpoint '{name}' did not become ready: {reason}", hint="Correct it and deploy again.")


def _infer_path(endpoint: Endpoint) -> str:
    return f"/v2/models/{endpoint.model}/infer"


def _infer_url(endpoint: Endpoint) -> str:
    return f"{endpoint.url}{_infer_path(endpoint)}"
