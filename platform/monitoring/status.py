"""What serves where, gathered through the ports: one picture of three clouds."""

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import EndpointTarget, Gateway
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import CLOUDS

SAMPLES = 5
RESTS = "cold"
"""The state of a cloud that runs nothing until another one fails."""
AT_ONCE = 8
"""Models that are asked about at the same time: each waits by itself for a cloud that does not answer."""


@dataclass(frozen=True)
class EndpointStatus:
    """One endpoint. ``healthy``: it answered a golden row through its cloud's own client just now."""

    cloud: str
    target: str
    url: str
    version: str
    state: str
    healthy: bool
    p50_ms: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class ModelStatus:
    """``problem``: why no more is known of the model; '' when nothing is wrong with that."""

    version: str
    route: Mapping[str, int]
    endpoints: Sequence[EndpointStatus]
    problem: str = ""


@dataclass(frozen=True)
class Status:
    """``ui``, ``gateway`` and ``mlflow`` are addresses, empty when not known. ``incidents`` are those that are open.
    ``troubles`` are sentences about what does not answer, and which data has drifted."""

    ui: str
    gateway: str
    mlflow: str
    models: Mapping[str, ModelStatus] = field(default_factory=dict)
    incidents: Sequence[Incident] = ()
    troubles: Sequence[str] = ()

    def serves_everywhere(self, model: str) -> bool:
        """Whether the model answers on every cloud that does not wait cold."""
        known = self.models.get(model)
        return known is not None and {e.cloud for e in known.endpoints if e.healthy or e.state == RESTS} == set(CLOUDS)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def statuses(gateway: Gateway, targets: Sequence[EndpointTarget], environment: str) -> dict[str, ModelStatus]:
    """Every routed model's, by name."""
    models = gateway.models()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda model: model_status(gateway, targets, environment, model), models))
    return {model: status for model, status in zip(models, found, strict=True) if status is not None}


def model_status(
    gateway: Gateway, targets: Sequence[EndpointTarget], environment: str, model: str
) -> ModelStatus | None:
    """Ask every cloud on the model's route at once; None when there is no route."""
    try:
        route = gateway.route(model)
    except IntermodalError as error:
        return ModelStatus("", {}, (), f"{error.message} {error.hint}")
    if route is None:
        return None
    chosen = [target for target in targets if target.target.cloud in route.weights]
    with ThreadPoolExecutor() as pool:
        endpoints = list(pool.map(lambda target: _ask(target, route, environment), chosen))
    return ModelStatus(route.version, {str(cloud): weight for cloud, weight in route.weights.items()}, endpoints)


def _ask(place: EndpointTarget, route: Route, environment: str) -> EndpointStatus:
    cloud, target = place.target.cloud, str(place.target)
    try:
        served = place.describe(endpoint_name(route.model, route.version, environment))
        if served is None:
            return EndpointStatus(cloud, target, "", route.version, "absent", False)
        if served.state != "ready":
            return EndpointStatus(cloud, target, served.url, served.version, served.state, False, None, served.reason)
        times = [_timed(place, served.name, route.golden_body.encode()) for _ in range(SAMPLES)]
        p50 = round(statistics.median(times) * 1000, 2)
        return EndpointStatus(cloud, target, served.url, served.version, served.state, True, p50)
    except IntermodalError as error:
        return EndpointStatus(cloud, target, "", route.version, "unreachable", False, None, error.message)


def _timed(place: EndpointTarget, name: str, body: bytes) -> float:
    started = time.perf_counter()
    place.invoke(name, body)
    return time.perf_counter() - started
