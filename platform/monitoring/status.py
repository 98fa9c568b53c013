"""What serves where, gathered through the ports."""

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import EndpointTarget, Gateway, Targets
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.targets import Target

SAMPLES = 5
COLD = "cold"
"""The state of a target that runs nothing until a failover."""
CONCURRENT_MODELS = 8
"""Models that are described at the same time: each waits by itself for a target that does not answer."""


@dataclass(frozen=True)
class EndpointStatus:
    """One endpoint. ``healthy``: it answered a golden row through its platform's own client just now."""

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
        """Whether the model answers on every target of its route that is not cold."""
        known = self.models.get(model)
        return (
            known is not None and bool(known.endpoints) and all(e.healthy or e.state == COLD for e in known.endpoints)
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def statuses(gateway: Gateway, targets: Targets, environment: str) -> dict[str, ModelStatus]:
    """Every routed model's, by name."""
    models = gateway.models()
    with ThreadPoolExecutor(CONCURRENT_MODELS) as pool:
        found = list(pool.map(lambda model: model_status(gateway, targets, environment, model), models))
    return {model: status for model, status in zip(models, found, strict=True) if status is not None}


def model_status(gateway: Gateway, targets: Targets, environment: str, model: str) -> ModelStatus | None:
    """Ask every cloud on the model's route at once; None when there is no route."""
    try:
        route = gateway.route(model)
    except IntermodalError as error:
        return ModelStatus("", {}, (), f"{error.message} {error.hint}")
    if route is None:
        return None
    with ThreadPoolExecutor() as pool:
        endpoints = list(pool.map(lambda target: _describe(targets, target, route, environment), route.weights))
    return ModelStatus(route.version, {str(target): weight for target, weight in route.weights.items()}, endpoints)


def _describe(targets: Targets, target: Target, route: Route, environment: str) -> EndpointStatus:
    name, version = str(target), route.version
    try:
        adapter = targets.get(target)
        served = adapter.describe(endpoint_name(route.model, version, environment))
        if served is None:
            return EndpointStatus(name, "", version, "absent", False)
        if served.state != "ready":
            return EndpointStatus(name, served.url, served.version, served.state, False, None, served.reason)
        times = [_timed(adapter, served.name, route.golden_body.encode()) for _ in range(SAMPLES)]
        p50 = round(statistics.median(times) * 1000, 2)
        return EndpointStatus(name, served.url, served.version, served.state, True, p50)
    except IntermodalError as error:
        return EndpointStatus(name, "", version, "unreachable", False, None, error.message)


def _timed(adapter: EndpointTarget, name: str, body: bytes) -> float:
    started = time.perf_counter()
    adapter.invoke(name, body)
    return time.perf_counter() - started
