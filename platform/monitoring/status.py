"""The status of every model and endpoint, read through the ports."""

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

LATENCY_SAMPLES = 5
"""Requests that the latency of an endpoint is measured with."""
COLD = "cold"
"""The state of a target that runs nothing until a failover."""
CONCURRENT_MODELS = 8
"""Models whose status is read concurrently. A target that does not answer delays only its own model."""


@dataclass(frozen=True)
class EndpointStatus:
    """The status of an endpoint. ``healthy``: it just answered a golden row through its platform's own client."""

    target: str
    url: str
    version: str
    state: str
    healthy: bool
    p50_ms: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class CanaryStatus:
    """Another version that gets ``share`` percent of a model's requests."""

    version: str
    share: int


@dataclass(frozen=True)
class ModelStatus:
    """The status of a model. ``problem``: why its status could not be read; '' if it was."""

    version: str
    route: Mapping[str, int]
    endpoints: Sequence[EndpointStatus]
    problem: str = ""
    canary: CanaryStatus | None = None


@dataclass(frozen=True)
class Status:
    """The status of the platform. ``ui``, ``gateway`` and ``mlflow`` are addresses, empty if unknown. ``incidents`` are
    the open ones; None: they could not be read. ``troubles`` are sentences about services that do not answer, models
    that do not load and drifted data."""

    ui: str
    gateway: str
    mlflow: str
    models: Mapping[str, ModelStatus] = field(default_factory=dict)
    incidents: Sequence[Incident] | None = ()
    troubles: Sequence[str] = ()

    def serves_everywhere(self, model: str) -> bool:
        """Whether the model answers on every target of its route that is not cold."""
        known = self.models.get(model)
        return (
            known is not None
            and bool(known.endpoints)
            and all(endpoint.healthy or endpoint.state == COLD for endpoint in known.endpoints)
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def statuses(gateway: Gateway, targets: Targets, environment: str) -> dict[str, ModelStatus]:
    """The status of every routed model, by name."""
    models = gateway.models()
    with ThreadPoolExecutor(CONCURRENT_MODELS) as pool:
        found = list(pool.map(lambda model: model_status(gateway, targets, environment, model), models))
    return {model: status for model, status in zip(models, found, strict=True) if status is not None}


def model_status(gateway: Gateway, targets: Targets, environment: str, model: str) -> ModelStatus | None:
    """The status of a model; its targets are read concurrently. None if it has no route."""
    try:
        route, canary = gateway.route(model), canary_of(gateway, model)
    except IntermodalError as error:
        return ModelStatus("", {}, (), f"{error.message} {error.hint}")
    if route is None:
        return None
    with ThreadPoolExecutor() as pool:
        endpoints = list(pool.map(lambda target: _describe(targets, target, route, environment), route.weights))
    weights = {str(target): weight for target, weight in route.weights.items()}
    return ModelStatus(route.version, weights, endpoints, canary=canary)


def canary_of(gateway: Gateway, model: str) -> CanaryStatus | None:
    found = gateway.canary(model)
    return CanaryStatus(found.route.version, found.share) if found else None


def _describe(targets: Targets, target: Target, route: Route, environment: str) -> EndpointStatus:
    name, version = str(target), route.version
    try:
        adapter = targets.get(target)
        served = adapter.describe(endpoint_name(route.model, version, environment))
        if served is None:
            return EndpointStatus(name, "", version, "absent", False)
        if served.state != "ready":
            return EndpointStatus(name, served.url, served.version, served.state, False, None, served.reason)
        times = [_timed(adapter, served.name, route.golden_body.encode()) for _ in range(LATENCY_SAMPLES)]
        p50 = round(statistics.median(times) * 1000, 2)
        return EndpointStatus(name, served.url, served.version, served.state, True, p50)
    except IntermodalError as error:
        return EndpointStatus(name, "", version, "unreachable", False, None, error.message)


def _timed(adapter: EndpointTarget, name: str, body: bytes) -> float:
    started = time.perf_counter()
    adapter.invoke(name, body)
    return time.perf_counter() - started
