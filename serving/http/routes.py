"""The routing table: path → handler. The paths of the serving platforms come from contract.py, through the settings."""

from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from intermodal.serving.dataplane import DataPlane, Media, ParsedRequest
from intermodal.serving.http.wire import Response, json_response
from intermodal.serving.metrics import CONTENT_TYPE
from intermodal.serving.service import Model, Service

GetHandler = Callable[[], Response | Awaitable[Response]]
BodyReader = Callable[[DataPlane, bytes, Media], ParsedRequest]


class Route(NamedTuple):
    """``get`` handles GET; ``read`` parses the body of a POST for ``model``. ``label`` names the route in metrics."""

    label: str
    get: GetHandler | None = None
    read: BodyReader | None = None
    model: Model | None = None

    @property
    def methods(self) -> list[str]:
        return ["GET"] * bool(self.get) + ["POST"] * bool(self.read)


def build_routes(service: Service) -> dict[str, Route]:
    settings = service.settings

    def live() -> Response:
        return json_response({"live": True})

    def ready() -> Response:
        return json_response({"ready": service.ready}, 200 if service.ready else 503)

    def metadata() -> Response:
        return json_response({"name": "intermodal", "version": _own_version(), "extensions": []})

    def metrics() -> Response | Awaitable[Response]:
        return metrics_of_all() if service.metrics_of_all else Response(200, service.metrics.text(), CONTENT_TYPE)

    async def metrics_of_all() -> Response:
        assert service.metrics_of_all
        return Response(200, await service.metrics_of_all(), CONTENT_TYPE)

    routes = {
        "/": Route("/", live),
        "/v2": Route("/v2", metadata),
        "/v2/health/live": Route("/v2/health/live", live),
        "/v2/health/ready": Route("/v2/health/ready", ready),
        "/metrics": Route("/metrics", metrics),
    }
    for model in service.models:
        routes |= _model_routes(model, service)
    for path in settings.health_routes:
        routes[path] = routes.get(path, Route(path))._replace(get=ready)
    if len(service.models) == 1:  # these paths name no model, so with several it would be a guess
        for path in settings.predict_routes:
            routes[path] = routes.get(path, Route(path))._replace(read=DataPlane.read_any, model=service.models[0])
    return routes


def _model_routes(model: Model, service: Service) -> dict[str, Route]:
    name, number = model.package.model, service.settings.identity.version
    metadata = model.package.signature.metadata(name, number)

    def ready() -> Response:
        is_ready = service.is_ready(model)
        return json_response({"name": name, "ready": is_ready}, 200 if is_ready else 503)

    routes = {}
    for base in (f"/v2/models/{name}", f"/v2/models/{name}/versions/{number}"):
        routes[base] = Route("/v2/models/*", lambda: json_response(metadata), model=model)
        routes[f"{base}/ready"] = Route("/v2/models/*/ready", ready, model=model)
        routes[f"{base}/infer"] = Route("/v2/models/*/infer", read=DataPlane.read_v2, model=model)
    return routes


def _own_version() -> str:
    try:
        return version("intermodal")
    except PackageNotFoundError:
        return "unknown"
