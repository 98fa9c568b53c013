"""The routes of all clouds: path → what answers it."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from intermodal.serving.dataplane import Call, DataPlane, Media
from intermodal.serving.http.wire import Answer, json_answer
from intermodal.serving.metrics import CONTENT_TYPE
from intermodal.serving.service import Model, Service

Get = Callable[[], Answer]
Read = Callable[[DataPlane, bytes, Media], Call]


class Route(NamedTuple):
    """``label`` names the route in metrics; ``model`` is the one that ``read`` is for."""

    label: str
    get: Get | None = None
    read: Read | None = None
    model: Model | None = None

    @property
    def methods(self) -> list[str]:
        return ["GET"] * bool(self.get) + ["POST"] * bool(self.read)


def table(service: Service) -> dict[str, Route]:
    settings = service.settings

    def live() -> Answer:
        return json_answer({"live": True})

    def ready() -> Answer:
        return json_answer({"ready": service.ready}, 200 if service.ready else 503)

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
    }
    for model in service.models:
        routes |= _of(model, service)
    if path := settings.health_route:
        routes[path] = routes.get(path, Route(path))._replace(get=ready)
    if len(service.models) == 1:
        # Routes that name no model: SageMaker's, Azure ML's, and Vertex AI's, which may be one of the above.
        for path in filter(None, ("/invocations", "/score", settings.predict_route)):
            routes[path] = routes.get(path, Route(path))._replace(read=DataPlane.read_any, model=service.models[0])
    return routes


def _of(model: Model, service: Service) -> dict[str, Route]:
    name, number = model.package.model, service.settings.identity.version
    metadata = model.package.signature.metadata(name, number)

    def ready() -> Answer:
        is_ready = service.is_ready(model)
        return json_answer({"name": name, "ready": is_ready}, 200 if is_ready else 503)

    routes = {}
    for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{number}"):
        routes[base] = Route("/v2/models/*", lambda: json_answer(metadata), model=model)
        routes[f"{base}/ready"] = Route("/v2/models/*/ready", ready, model=model)
        routes[f"{base}/infer"] = Route("/v2/models/*/infer", read=DataPlane.read_v2, model=model)
    return routes


def _own_version() -> str:
    try:
        return version("intermodal")
    except PackageNotFoundError:
        return "unknown"
