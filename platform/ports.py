"""The ports: what assets ask for, and what an adapter in ``resources/`` fulfils."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from intermodal.platform.clouds import Cloud, Target
from intermodal.platform.drills import Disturbance, Totals
from intermodal.platform.endpoints import DeployRequest, Endpoint, Upstream
from intermodal.platform.figures import Figures
from intermodal.platform.incidents import Entry, Incident
from intermodal.platform.mirroring import Manifest, MirrorReport
from intermodal.platform.notices import Notice
from intermodal.platform.registry import Candidate, RegisteredVersion, TrainingRecord
from intermodal.platform.routing import Route


class ObjectStore(Protocol):
    """A bucket (or container) of one cloud. Errors: Refused, Throttled, Unavailable, NotFound."""

    @property
    def cloud(self) -> Cloud: ...

    def uri(self, prefix: str) -> str:
        """The address of ``prefix`` as the cloud's own endpoint services take it."""

    def mirror(self, source: Path, manifest: Manifest, prefix: str) -> MirrorReport:
        """Make ``prefix`` hold exactly the manifest's files, taken from the folder ``source``.

        Copies in parallel and streams; a second run copies nothing; a run after a kill copies what is missing; an
        object whose bytes differ is repaired; an object that is not in the manifest is removed. The manifest itself
        is written last: a prefix without one is not a mirror.
        """

    def damaged(self, manifest: Manifest, prefix: str) -> Mapping[str, str]:
        """Read every object back and hash it: path → what is wrong. Empty when the mirror is whole."""

    def put(self, key: str, data: bytes) -> None: ...

    def get(self, key: str) -> bytes:
        """The object's bytes; NotFound when there is none."""

    def download(self, key: str, target: Path) -> str:
        """Stream an object of any size into a file: the SHA-256 of its bytes in hex. NotFound when there is none."""

    def list(self, prefix: str) -> Mapping[str, int]:
        """Keys below ``prefix`` with their sizes in bytes."""

    def delete(self, key: str) -> None:
        """Idempotent."""


class EndpointTarget(Protocol):
    """A kind of place that serves. Errors: DeployFailed, Refused, Throttled, Unavailable, NotFound."""

    @property
    def target(self) -> Target: ...

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Create or update the endpoint and block until it is ready, or raise DeployFailed with the cloud's reason.

        Idempotent: the same request again changes nothing; after a kill it takes up what is there.
        """

    def describe(self, name: str) -> Endpoint | None: ...

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        """What Intermodal runs here, found by tags."""

    def delete(self, name: str) -> None:
        """Idempotent: deleting what is not there is a success. Nothing that costs money is left behind."""

    def invoke(self, name: str, body: bytes) -> bytes:
        """Send a V2 body through the cloud's official client; the V2 answer."""

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """How the gateway reaches it, with a credential that is fresh now. Its ``url`` may also be that of the upstream
        that it has: who only needs a new credential knows no other, and the cloud need not be asked for it."""

    def answers(self) -> bool:
        """Whether the cloud's API takes a cheap, authorised call now: one try, at most two seconds, never an error."""


class ModelRegistry(Protocol):
    """Where versions are registered once. Errors: NotFound, Unavailable."""

    def record(self, folder: Path, record: TrainingRecord) -> Candidate:
        """Store a trained package and how it was made; the candidate has no version yet."""

    def candidate(self, model: str) -> Candidate:
        """The newest candidate; NotFound when nothing was trained."""

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        """All versions, oldest first; empty when the model is unknown."""

    def champion(self, model: str) -> RegisteredVersion | None: ...

    def champions(self) -> Mapping[str, str]:
        """Every model's champion, its semantic version by model's name, in one call however many there are."""

    def register(self, candidate: Candidate, version: str) -> RegisteredVersion:
        """Idempotent: registering the same candidate again gives the version that it has."""

    def promote(self, version: RegisteredVersion) -> None:
        """Move the alias ``champion``."""

    def download(self, candidate: Candidate, folder: Path) -> Path:
        """Fetch a package below ``folder``; the folder that holds ``intermodal.json``."""

    def read(self, candidate: Candidate, path: str) -> bytes:
        """One small file of a package (``golden.json``)."""

    def attach(self, version: RegisteredVersion, path: str, data: bytes) -> str:
        """Keep a page about a version beside it, replacing an earlier one of that path; its address for people."""

    def predictor(self, candidate: Candidate) -> Callable[[Any], Any]:
        """The packaged model as a function from a DataFrame to an array of predictions, ``[n]`` or ``[n, k]``."""


class Tables(Protocol):
    """Where the rows of datasets and features are kept, a table for each model, stage and month."""

    def write(self, model: str, stage: str, partition: str, table: Any) -> None:
        """Replace one partition (a pandas DataFrame), whole or not at all."""

    def read(self, model: str, stage: str, partition: str) -> Any:
        """A pandas DataFrame; NotFound when the partition was never written."""

    def delete(self, model: str, stage: str, partition: str) -> None:
        """Idempotent."""

    def partitions(self, model: str, stage: str) -> Sequence[str]:
        """What there is, in order."""


class Deployment(Protocol):
    """Which environment this is, and what its endpoints run."""

    @property
    def environment(self) -> str: ...

    def image(self, cloud: Cloud) -> str:
        """The image reference in that cloud's registry."""


class Gateway(Protocol):
    """The proxy that clients call."""

    @property
    def url(self) -> str: ...

    def publish(self, route: Route, upstreams: Sequence[Upstream]) -> None:
        """Make the gateway use this route: atomic, and the old one keeps serving until the new one is taken."""

    def renew(self, model: str, upstream: Upstream) -> None:
        """Replace one upstream's credential; the route stays as it is."""

    def credential_expiry(self, model: str) -> Mapping[Cloud, float]:
        """Unix seconds at which each upstream's credential expires; one that does not is absent."""

    def addresses(self, model: str) -> Mapping[Cloud, str]:
        """The ``url`` of each upstream that the model's route has; none of a model that has no route."""

    def shift(self, model: str, weights: Mapping[Cloud, int], added: Sequence[Upstream] = ()) -> None:
        """Move traffic among the upstreams that the route has, and those in ``added``; no cloud is asked.

        An upstream that is left with weight 0 stands by: it is asked when no other can answer, and stays probed, so
        that ``health`` tells when it can serve again. NotFound when there is no route; SpecError for a weight of a
        cloud that has no upstream.
        """

    def withdraw(self, model: str) -> None:
        """Idempotent: the model answers 404 from then on."""

    def route(self, model: str) -> Route | None: ...

    def models(self) -> Sequence[str]: ...

    def infer(self, model: str, body: bytes) -> tuple[bytes, Cloud, str]:
        """A V2 body through the gateway: the answer, the cloud that gave it and its version."""

    def upstream_health(self, model: str) -> Mapping[Cloud, bool]:
        """Whether each upstream of the model is sent first tries now, as the gateway sees it; also one that has weight
        0. It is not when it cannot serve, or fails more than a fifth while another is well."""

    def health(self) -> Mapping[str, Mapping[Cloud, bool]]:
        """``upstream_health`` of every model, in one call however many there are. A model of ``models`` that is not in
        it cannot be watched: what is written of its route is damaged."""

    def disturb(self, cloud: Cloud, disturbance: Disturbance | None) -> None:
        """Drill: do this to every request for ``cloud`` until told otherwise; None ends it. Takes effect at once, and
        does not outlive the gateway's process."""

    def disturbances(self) -> Mapping[Cloud, Disturbance]:
        """The drills that are on now."""

    def totals(self) -> Mapping[str, Totals]:
        """What each model's callers got since the gateway's process began; a model that nobody asked may be absent."""


class Metrics(Protocol):
    """Somewhere that figures can be asked for. Errors: Unavailable, Refused."""

    @property
    def source(self) -> str:
        """``prometheus``, ``gateway``, ``cloudwatch``, ``cloud-monitoring`` or ``azure-monitor``."""

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What happened in the last ``seconds``, a row for each model, cloud and version; one model's when named."""


class Gauges(Protocol):
    """Where numbers of Intermodal's own go, for dashboards and alerts (drift, budgets, heartbeats)."""

    def push(self, group: str, gauges: Sequence[tuple[str, Mapping[str, str], float]]) -> None:
        """Replace everything of ``group`` with these (name, labels, value). Unavailable when nobody takes them."""


class Incidents(Protocol):
    """Where incidents are kept, outside of any cloud that they are about. Every call is atomic and idempotent."""

    def open(self, incident: Incident) -> Incident:
        """Keep a new incident; the one that is there when it was opened before."""

    def note(self, id: str, entry: Entry) -> Incident:
        """Add to the timeline, once for each step and key; NotFound for an unknown incident."""

    def close(self, id: str, at: float) -> Incident: ...

    def get(self, id: str) -> Incident | None: ...

    def all(self, model: str = "", open_only: bool = False) -> Sequence[Incident]:
        """Oldest first."""


class Notifier(Protocol):
    """Tells people."""

    def tell(self, notice: Notice) -> bool:
        """Unavailable when it reached nobody that was configured, and for a page when nobody took it who is to be
        woken. False when nobody is configured: the run's log has it."""
