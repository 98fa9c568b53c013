"""Every port in memory: what an adapter promises, without a cloud. Endpoints predict with the server's data plane."""

import hashlib
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from packaging.requirements import Requirement

from intermodal.platform.errors import (
    DeployFailed,
    IntermodalError,
    Lost,
    NotFound,
    NumberTaken,
    SpecError,
    Unavailable,
)
from intermodal.platform.ports import ownership
from intermodal.platform.ports.endpoints import BearerToken, DeployRequest, Endpoint, Upstream
from intermodal.platform.ports.gateway import Disturbance, Route, Totals
from intermodal.platform.ports.images import BuiltImage, PushReport
from intermodal.platform.ports.incidents import Entry, Incident
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.ports.notifications import Delivery, Notice, Notifier, Receipt
from intermodal.platform.ports.object_store import MirrorReport
from intermodal.platform.ports.registry import (
    Candidate,
    History,
    Identity,
    LostVersion,
    RegisteredVersion,
    TrainingRecord,
)
from intermodal.platform.protocol.manifest import MANIFEST, SIGNATURE, Manifest, sha256_of
from intermodal.platform.protocol.package import DESCRIPTOR, Package
from intermodal.platform.protocol.requirements import pinned
from intermodal.platform.registry.versioning import SemanticVersion
from intermodal.platform.targets import Site, Target
from intermodal.resources.python_packages import shipped_locks
from intermodal.serving.dataplane import DataPlane, open_plane
from intermodal.serving.errors import RequestError
from intermodal.serving.pyfunc import _load_pyfunc
from tests.signing import der, signature


@dataclass
class MemoryDeployment:
    """``builds``: the sites without an image of the team's own."""

    environment: str = "sandbox"
    trusted_keys: tuple[bytes, ...] = ()
    builds: frozenset[Site] = frozenset()

    def image(self, site: Site) -> str:
        return "" if site in self.builds else f"registry.{site.cloud}/intermodal/server:0.1.0"


@dataclass
class MemoryTables:
    frames: dict[tuple[str, str, str], pd.DataFrame] = field(default_factory=dict)

    def write(self, model: str, stage: str, partition: str, table: pd.DataFrame) -> None:
        self.frames[model, stage, partition] = table.copy()

    def read(self, model: str, stage: str, partition: str) -> pd.DataFrame:
        try:
            return self.frames[model, stage, partition].copy()
        except KeyError as error:
            raise NotFound(f"{model}/{stage}/{partition}") from error

    def delete(self, model: str, stage: str, partition: str) -> None:
        self.frames.pop((model, stage, partition), None)

    def partitions(self, model: str, stage: str) -> Sequence[str]:
        return sorted(partition for m, s, partition in self.frames if (m, s) == (model, stage))


class MemoryRegistry:
    """``lost``: ids of runs that are gone, with the reason. ``newest``: each model's highest number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = itertools.count()
        self.candidates: list[Candidate] = []
        self.registered: list[RegisteredVersion] = []
        self.champions_by_model: dict[str, RegisteredVersion] = {}
        self.attached: dict[tuple[str, str], bytes] = {}
        self.lost: dict[str, str] = {}
        self.newest: dict[str, str] = {}
        self._lock = threading.Lock()

    def record(self, folder: Path, record: TrainingRecord) -> Candidate:
        kept = self.folder / f"package-{next(self.numbers)}"
        shutil.copytree(folder, kept)
        self.candidates.append(Candidate(record, str(kept), Manifest.of(kept)))
        return self.candidates[-1]

    def add_signature(self, candidate: Candidate, signature: bytes) -> Candidate:
        (Path(candidate.artifacts) / SIGNATURE).write_bytes(signature)
        signed = replace(candidate, manifest=candidate.manifest.signed(signature))
        run_id = candidate.record.run_id
        self.candidates = [signed if known.record.run_id == run_id else known for known in self.candidates]
        self.registered = [
            replace(known, candidate=signed) if known.candidate.record.run_id == run_id else known
            for known in self.registered
        ]
        return signed

    def candidate(self, model: str) -> Candidate:
        for candidate in reversed(self.candidates):
            if candidate.model == model:
                self._require(candidate)
                return candidate
        raise NotFound(f"'{model}' was never trained.")

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        return self.history(model).versions

    def history(self, model: str) -> History:
        ours = [version for version in self.registered if version.model == model]
        ours.sort(key=lambda version: SemanticVersion.parse(version.version))
        known = [version for version in ours if version.candidate.record.run_id not in self.lost]
        lost = [
            LostVersion(version.version, version.number, run_id, self.lost[run_id])
            for version in ours
            if (run_id := version.candidate.record.run_id) in self.lost
        ]
        return History(known, lost, self.newest.get(model, ""))

    def champion(self, model: str) -> RegisteredVersion | None:
        champion = self.champions_by_model.get(model)
        if champion is None or (run_id := champion.candidate.record.run_id) not in self.lost:
            return champion
        others = [version.version for version in self.versions(model)]
        back = f"Move the alias 'champion' to version {others[-1]}, or run" if others else "Run"
        raise Lost(
            f"Champion {champion.version} of '{model}' is lost: run {run_id}, {self.lost[run_id]}",
            hint=f"{back} the job train_{model}.",
        )

    def register(self, candidate: Candidate, version: str) -> RegisteredVersion:
        with self._lock:
            for known in self.registered:
                if known.candidate.record.run_id == candidate.record.run_id:
                    return known
            newest = self.newest.get(candidate.model)
            if newest and SemanticVersion.parse(version) <= SemanticVersion.parse(newest):
                raise NumberTaken(f"{version} of '{candidate.model}': {newest} was given.", hint="Use a higher one.")
            self.newest[candidate.model] = version
            self.registered.append(RegisteredVersion(version, str(len(self.registered) + 1), candidate))
            return self.registered[-1]

    def champions(self) -> Mapping[str, Identity]:
        return {model: version.identity for model, version in self.champions_by_model.items()}

    def _require(self, candidate: Candidate) -> None:
        if (run_id := candidate.record.run_id) in self.lost:
            raise Lost(f"Run {run_id} of '{candidate.model}' is lost: {self.lost[run_id]}", hint="Train it again.")

    def promote(self, version: RegisteredVersion) -> None:
        self.champions_by_model[version.model] = version

    def download(self, candidate: Candidate, folder: Path) -> Path:
        self._require(candidate)
        return Path(shutil.copytree(candidate.artifacts, folder / "package"))

    def read(self, candidate: Candidate, path: str) -> bytes:
        self._require(candidate)
        return (Path(candidate.artifacts) / path).read_bytes()

    def attach(self, version: RegisteredVersion, path: str, data: bytes) -> str:
        self.attached[version.version, path] = data
        return f"http://registry.example/{version.model}/{version.version}/{path}"

    def predictor(self, candidate: Candidate) -> Callable[[Any], Any]:
        self._require(candidate)
        return _load_pyfunc(candidate.artifacts).predict


@dataclass
class MemorySigner:
    """``private``: the key, None when none is configured."""

    private: EllipticCurvePrivateKey | None = None

    @property
    def key(self) -> bytes | None:
        return der(self.private) if self.private else None

    def sign(self, data: bytes) -> bytes:
        if self.private is None:
            raise SpecError("There is no key to sign with.", hint="Configure one.")
        return signature(self.private, data)


class MemoryLocker:
    """Every package is locked in its installed version, without hashes and without those that it needs."""

    def lock(self, text: str, form: str, installed: Mapping[str, str], previous: str = "") -> str:
        del previous  # the same requirements give the same lock
        server = pinned(shipped_locks()[form].read_text(encoding="utf-8"))
        names = [str(Requirement(line).name) for line in text.splitlines()]
        return "".join(f"{name}=={installed[name]}\n" for name in names if name not in server)


class MemoryPackageServer:
    """The server's data plane in this process: no process start, the same answers."""

    @contextmanager
    def start(self, folder: Path, model: str) -> Iterator[Callable[[bytes], bytes]]:
        package = Package.read(folder)
        assert package.model == model
        plane = open_plane(package, folder, "0.0.0")

        def answer(body: bytes) -> bytes:
            try:
                return (plane.plain_rows(body) or plane.answer(plane.read_v2(body, "json"))).body
            except RequestError as error:
                raise SpecError(error.message) from error

        yield answer


class MemoryStore:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.objects: dict[str, bytes] = {}
        self._counter = itertools.count()
        self._writes: dict[str, int] = {}
        """Key → the number of its last write, as an ETag."""
        self._mirrored: dict[str, dict[str, tuple[str, int | None]]] = {}
        """Prefix → path → the hash and the write that its last whole mirror had."""

    def uri(self, prefix: str) -> str:
        return f"memory-{self.site}://bucket/{prefix}"

    def mirror(self, source: Path, manifest: Manifest, prefix: str) -> MirrorReport:
        """An object that was not written since the last whole mirror is not read again, also if it is damaged."""
        manifest.require_portable()
        have = {key.removeprefix(f"{prefix}/"): data for key, data in self.objects.items() if self._below(key, prefix)}
        known = self._mirrored.get(prefix, {}) if have.pop(MANIFEST, None) is not None else {}
        self.objects.pop(f"{prefix}/{MANIFEST}", None)
        copied, kept, repaired = list[str](), list[str](), list[str]()
        for path, entry in manifest.files.items():
            unchanged = path in have and known.get(path) == (entry.sha256, self._writes.get(f"{prefix}/{path}"))
            if unchanged or (path in have and _sha256(have[path]) == entry.sha256):
                kept.append(path)
                continue
            data = (source / path).read_bytes() if (source / path).is_file() else None
            if data is None or _sha256(data) != entry.sha256:
                raise IntermodalError(f"{source / path} is not what its manifest says.", hint="Train it again.")
            self.put(f"{prefix}/{path}", data)
            (repaired if path in have else copied).append(path)
        removed = sorted(set(have) - set(manifest.files))
        for path in removed:
            self.delete(f"{prefix}/{path}")
        self.put(f"{prefix}/{MANIFEST}", manifest.to_json().encode())
        self._mirrored[prefix] = {
            path: (entry.sha256, self._writes.get(f"{prefix}/{path}")) for path, entry in manifest.files.items()
        }
        size = sum(manifest.files[path].size for path in (*copied, *repaired))
        report = (tuple(copied), tuple(kept), tuple(repaired), tuple(removed))
        return MirrorReport(self.uri(prefix), manifest.digest, *report, size, 0.0)

    def damaged(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        found = {}
        for path, entry in manifest.files.items():
            data = self.objects.get(f"{prefix}/{path}")
            if data is None or _sha256(data) != entry.sha256:
                found[path] = "missing" if data is None else "other bytes"
        for key in self.objects:
            path = key.removeprefix(f"{prefix}/")
            if self._below(key, prefix) and path != MANIFEST and path not in manifest.files:
                found[path] = "not in the manifest"
        if self.objects.get(f"{prefix}/{MANIFEST}") != manifest.to_json().encode():
            found[MANIFEST] = "other bytes"
        return found

    @staticmethod
    def _below(key: str, prefix: str) -> bool:
        return key.startswith(f"{prefix.rstrip('/')}/") if prefix else True

    def put(self, key: str, data: bytes) -> None:
        self.objects[key] = data
        self._writes[key] = next(self._counter)

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFound(key)
        return self.objects[key]

    def download(self, key: str, target: Path) -> str:
        target.write_bytes(self.get(key))
        return sha256_of(target)

    def list(self, prefix: str) -> Mapping[str, int]:
        return {key: len(data) for key, data in self.objects.items() if self._below(key, prefix)}

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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

    def get(self, target: Target) -> MemoryTarget:
        try:
            return self.adapters[target]
        except KeyError as error:
            raise SpecError(f"{target} is not enabled.") from error


@dataclass
class MemoryStores:
    """Fulfils ``ports.Stores``."""

    stores: Mapping[Site, MemoryStore]

    @classmethod
    def of(cls, stores: Iterable[MemoryStore]) -> "MemoryStores":
        return cls({store.site: store for store in stores})

    def get(self, site: Site) -> MemoryStore:
        try:
            return self.stores[site]
        except KeyError as error:
            raise SpecError(f"{site} is not enabled.") from error


IMAGE_FILE = "image"
"""The one file of a layout in memory; the image's digest is its hash."""


class MemoryImageBuilder:
    def __init__(self) -> None:
        self.built: list[str] = []

    def build(self, package: Path, version: str, digest: str, layout: Path) -> BuiltImage:
        assert Manifest.of(package).digest == digest
        layout.mkdir()
        (layout / IMAGE_FILE).write_text(f"{Package.read(package).model} {version} {digest}")
        self.built.append(version)
        size = (layout / IMAGE_FILE).stat().st_size
        return BuiltImage(f"sha256:{sha256_of(layout / IMAGE_FILE)}", size, {"base": 0, "model": size})


class MemoryImageRegistry:
    """``down`` makes it answer nothing. Documents beside images are not kept."""

    def __init__(self, site: Site) -> None:
        self.site, self.down = site, False
        self.images: dict[tuple[str, str], bytes] = {}
        """By repository, and by digest or tag."""

    def repository(self, model: str) -> str:
        return f"intermodal/{model}"

    def push(self, layout: Path, repository: str, tag: str = "", mount_from: str = "") -> PushReport:  # noqa: ARG002
        self._require_up()
        data = (layout / IMAGE_FILE).read_bytes()
        digest, is_new = f"sha256:{_sha256(data)}", data not in self.images.values()
        self.images[repository, digest] = self.images[repository, tag] = data
        sent, kept = ((digest,), ()) if is_new else ((), (digest,))
        reference = f"registry.{self.site.cloud}/{repository}@{digest}"
        return PushReport(reference, digest, len(data) * is_new, sent, kept, 0.0)

    def pull(self, repository: str, digest: str, layout: Path) -> None:
        self._require_up()
        if (repository, digest) not in self.images:
            raise NotFound(f"{repository}@{digest}")
        layout.mkdir()
        (layout / IMAGE_FILE).write_bytes(self.images[repository, digest])

    def digest_of(self, repository: str, reference: str) -> str | None:
        self._require_up()
        data = self.images.get((repository, reference))
        return None if data is None else f"sha256:{_sha256(data)}"

    def _require_up(self) -> None:
        if self.down:
            raise Unavailable(f"the registry of {self.site} does not answer")


@dataclass
class MemoryImages:
    """Fulfils ``ports.Images``."""

    registries: Mapping[Site, MemoryImageRegistry] = field(default_factory=dict)

    @classmethod
    def of(cls, sites: Iterable[Site]) -> "MemoryImages":
        return cls({site: MemoryImageRegistry(site) for site in sites})

    def get(self, site: Site) -> MemoryImageRegistry:
        try:
            return self.registries[site]
        except KeyError as error:
            raise SpecError(f"{site} is not enabled.") from error


class MemoryGateway:
    """Answers from the first serving upstream's target."""

    url = "http://gateway.example"

    def __init__(self, targets: Sequence[MemoryTarget]) -> None:
        self.targets = {target.target: target for target in targets}
        self.routes: dict[str, Route] = {}
        self.held: dict[str, dict[Target, Upstream]] = {}
        self.drills: dict[Target, Disturbance] = {}
        self.counted: dict[str, Totals] = {}

    def publish(self, route: Route, upstreams: Sequence[Upstream]) -> None:
        self.routes[route.model] = route
        self.held[route.model] = {upstream.target: upstream for upstream in upstreams}

    def renew(self, model: str, upstream: Upstream) -> None:
        self.held[model][upstream.target] = upstream

    def credential_expiry(self, model: str) -> Mapping[Target, float]:
        found = {}
        for target, upstream in self.held[model].items():
            if upstream.credential is not None and upstream.credential.expires_at is not None:
                found[target] = upstream.credential.expires_at
        return found

    def addresses(self, model: str) -> Mapping[Target, str]:
        return {target: upstream.url for target, upstream in self.held.get(model, {}).items()}

    def withdraw(self, model: str) -> None:
        self.routes.pop(model, None)
        self.held.pop(model, None)

    def route(self, model: str) -> Route | None:
        return self.routes.get(model)

    def models(self) -> Sequence[str]:
        return sorted(self.routes)

    def infer(self, model: str, body: bytes) -> tuple[bytes, Target, str]:
        """From the first that serves, then from one that stands by, then from a disturbed one."""
        route = self.routes.get(model)
        if route is None:
            raise NotFound(f"no route for {model}")
        order = sorted(route.weights, key=lambda target: (not self._serves(target), target not in route.serving))
        for target in order:
            for name, served in self.targets[target].endpoints.items():
                if served.version == route.version and served.model == model and not self.targets[target].gone:
                    return self.targets[target].invoke(name, body), target, route.version
        raise IntermodalError("no upstream answers")

    def shift(self, model: str, weights: Mapping[Target, int], added: Sequence[Upstream] = ()) -> None:
        if model not in self.routes:
            raise NotFound(f"no route for {model}")
        held = {**self.held[model], **{upstream.target: upstream for upstream in added}}
        if missing := set(weights) - set(held):
            raise SpecError(f"no upstream on {', '.join(map(str, missing))}")
        self.routes[model] = replace(self.routes[model], weights={**dict.fromkeys(held, 0), **weights})
        self.held[model] = held

    def upstream_health(self, model: str) -> Mapping[Target, bool]:
        return {target: self._serves(target) for target in self.held[model]}

    def health(self) -> Mapping[str, Mapping[Target, bool]]:
        return {model: self.upstream_health(model) for model in self.routes}

    def disturb(self, target: Target, disturbance: Disturbance | None) -> None:
        self.drills.pop(target, None)
        if disturbance is not None:
            self.drills[target] = disturbance

    def disturbances(self) -> Mapping[Target, Disturbance]:
        return dict(self.drills)

    def totals(self) -> Mapping[str, Totals]:
        return dict(self.counted)

    def _serves(self, target: Target) -> bool:
        return not self.targets[target].gone and target not in self.drills


class MemoryIncidents:
    def __init__(self) -> None:
        self.kept: dict[str, Incident] = {}
        self._lock = threading.Lock()

    def open(self, incident: Incident) -> Incident:
        return self.kept.setdefault(incident.id, incident)

    def note(self, id: str, entry: Entry) -> Incident:
        if id not in self.kept:
            raise NotFound(f"no incident {id}")
        with self._lock:
            self.kept[id] = self.kept[id].noted(entry)
            return self.kept[id]

    def close(self, id: str, closed_at: float) -> Incident:
        if id not in self.kept:
            raise NotFound(f"no incident {id}")
        with self._lock:
            self.kept[id] = self.kept[id].closed(closed_at)
            return self.kept[id]

    def get(self, id: str) -> Incident | None:
        return self.kept.get(id)

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        found = [
            incident
            for incident in self.kept.values()
            if model in ("", incident.model) and (incident.is_open or not open_only)
        ]
        return sorted(found, key=lambda incident: (incident.opened_at, incident.id))


@dataclass
class MemoryNotifier:
    """``configured``: whether there is a recipient; ``refuses``: whether it takes nothing."""

    sent: list[Notice] = field(default_factory=list)
    configured: bool = True
    refuses: bool = False

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        if self.refuses:
            return Receipt(failure=Unavailable(f"'{notice.title}' was not delivered.", hint="Let it take notices."))
        if "somebody" not in skip:
            self.sent.append(notice)
        return Receipt(frozenset({"somebody"} if self.configured else ()))


@dataclass
class MemoryNotifications:
    """``taken``: by key, who has the notice; ``delivered``: the keys of which that is enough."""

    notifier: Notifier = field(default_factory=MemoryNotifier)
    taken: dict[str, frozenset[str]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)

    def notify(self, notice: Notice) -> Delivery:
        if notice.key in self.delivered:
            return "delivered"
        receipt = self.notifier.send(notice, self.taken.get(notice.key, frozenset()))
        self.taken[notice.key] = receipt.recipients
        if receipt.failure is not None:
            raise receipt.failure
        if not receipt.recipients:
            return "no recipient"
        self.delivered.add(notice.key)
        return "delivered"


@dataclass
class MemoryMetrics:
    """``down`` makes it answer as a Prometheus that is not there."""

    source: str
    figures: list[Figures] = field(default_factory=list)
    down: bool = False

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        assert seconds > 0
        if self.down:
            raise Unavailable(f"{self.source} does not answer")
        return [figures for figures in self.figures if model in ("", figures.model)]


@dataclass
class MemoryGauges:
    """``down`` makes it answer as a Pushgateway that is not there."""

    pushed: dict[str, list[tuple[str, Mapping[str, str], float]]] = field(default_factory=dict)
    down: bool = False

    def push(self, group: str, gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> None:
        if self.down:
            raise Unavailable("the Pushgateway does not answer")
        self.pushed[group] = list(gauges)
