"""The routes of all clouds, over one model: path → what answers it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from intermodal.platform.package import Package
from intermodal.serving.answered import Answered
from intermodal.serving.dataplane import Call, DataPlane, Media
from intermodal.serving.metrics import CONTENT_TYPE, Metrics
from intermodal.serving.prediction_log import PredictionLog
from intermodal.serving.settings import Settings
from intermodal.serving.wire import Answer, json_answer


@dataclass
class Service:
    """What changes while the server runs. ``plane`` is None until the model is loaded, ``log`` when there is none;
    ``stopping_at`` is ``time.monotonic`` of the signal to stop."""

    package: Package
    settings: Settings
    plane: DataPlane | None = None
    log: PredictionLog | None = None
    draining: bool = False
    stopping_at: float = 0
    in_flight: int = 0
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        who = self.settings.identity
        self.metrics = Metrics(self.package.model, who, lambda: self.in_flight, lambda: self.ready)

    @property
    def ready(self) -> bool:
        return self.plane is not None and not self.draining

    def predicted(self, answered: Answered, id_: str, probe: bool) -> None:
        """Count it, and log it: a probe of the gateway is nobody's request. ``id_`` is the request's own, or ''."""
        self.metrics.predicted(answered.rows, answered.unseen)
        if self.log and not probe:
            self.log.add(id_, answered)


Get = Callable[[], Answer]
Read = Callable[[DataPlane, bytes, Media], Call]


class Route(NamedTuple):
    """``label`` names the route in metrics."""

    label: str
    get: Get | None = None
    read: Read | None = None

    @property
    def methods(self) -> list[str]:
        return ["GET"] * bool(self.get) + ["POST"] * bool(self.read)


def table(service: Service) -> dict[str, Route]:
    package, settings = service.package, service.settings
    metadata = package.signature.metadata(package.model, settings.identity.version)

    def live() -> Answer:
        return json_answer({"live": True})

    def ready() -> Answer:
        return json_answer({"ready": service.ready}, 200 if service.ready else 503)

    def model_ready() -> Answer:
        return json_answer({"name": package.model, "ready": service.ready}, 200 if service.ready else 503)

    def scrape() -> Answer:
        return Answer(200, service.metrics.text(), CONTENT_TYPE)

    routes = {
        "/": Route("/", live),
        "/v2": Route("/v2", lambda: json_answer({"name": "intermodal", "version": _own_version(), "extensions": []})),
        "/v2/health/live": Route("/v2/health/live", live),
        "/v2/health/ready": Route("/v2/health/ready", ready),
        "/metrics": Route("/metrics", scrape),
        # SageMaker
        "/ping": Route("/ping", ready),
        "/invocations": Route("/invocations", read=DataPlane.read_any),
        # Azure ML
        "/score": Route("/score", read=DataPlane.read_any),
    }
    for base in (f"/v2/models/{package.model}", f"/v2/models/{package.model}/versions/{settings.identity.version}"):
        routes[base] = Route("/v2/models/*", lambda: json_answer(metadata))
        routes[f"{base}/ready"] = Route("/v2/models/*/ready", model_ready)
        routes[f"{base}/infer"] = Route("/v2/models/*/infer", read=DataPlane.read_v2)
    # Vertex AI names its routes itself, and may name one of the above.
    if path := settings.health_route:
        routes[path] = routes.get(path, Route(path))._replace(get=ready)
    if path := settings.predict_route:
        routes[path] = routes.get(path, Route(path))._replace(read=DataPlane.read_any)
    return routes


def _own_version() -> str:
    try:
        return version("intermodal")
    except PackageNotFoundError:
        return "unknown"
