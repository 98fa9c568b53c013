"""Change a route: require ready endpoints, verify the new route, roll back to the old one, remove what was replaced."""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.ports import EndpointTarget, Gateway, Targets
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.parity import holds
from intermodal.platform.targets import Target


def ready_endpoint(adapter: EndpointTarget, name: str) -> Endpoint:
    """The endpoint, if it is ready. NotFound, or IntermodalError with the platform's reason."""
    endpoint = adapter.describe(name)
    if endpoint is None:
        raise NotFound(f"{adapter.target} has no endpoint '{name}'.", hint="Materialize the endpoint asset first.")
    if endpoint.state != "ready":
        raise IntermodalError(
            f"{adapter.target}: endpoint '{name}' is {endpoint.state}. {endpoint.reason}".strip(),
            hint="Materialize the endpoint asset again.",
        )
    return endpoint


def verify_route(gateway: Gateway, route: Route, body: bytes, expected: Sequence[Sequence[float]]) -> None:
    """The old endpoints may go only when the gateway answers with the new version's predictions."""
    answer, target, version = gateway.infer(route.model, body)
    if version != route.version or not holds(expected, v2.predictions(answer)):
        raise IntermodalError(
            f"The gateway answered '{route.model}' with version {version} on {target}, not with the golden "
            "predictions.",
            hint="The earlier route was restored and its endpoints still run.",
        )


def roll_back(
    gateway: Gateway, targets: Targets, old: Route, environment: str, unavailable: Collection[Target]
) -> None:
    """Publish the earlier route again, without the targets that are unavailable."""
    name = endpoint_name(old.model, old.version, environment)
    adapters = [targets.get(target) for target in old.serving if target not in unavailable]
    weights = {target: weight for target, weight in old.weights.items() if target not in unavailable}
    upstreams = [adapter.upstream(ready_endpoint(adapter, name)) for adapter in adapters]
    gateway.publish(replace(old, weights=weights), upstreams)


@dataclass
class Retired:
    """Endpoints that were deleted, and those that may still run (and cost money), as text."""

    deleted: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def retire(
    targets: Targets,
    candidates: Iterable[Target],
    keep_on: Collection[Target],
    unavailable: Collection[Target],
    model: str,
    keep: str,
    environment: str,
    drain_seconds: float,
    log: logging.Logger,
) -> Retired:
    """Delete the model's other endpoints on every candidate, also on those that the spec no longer names: ``keep``
    stays on the targets in ``keep_on``.

    Requests under way get time to end. A target that does not answer now keeps its old endpoints until the next
    deployment. An unavailable one is not called: it would only cost a time-out, and its recovery removes what is left.
    """
    old, found = list[tuple[Target, str]](), Retired()
    for target in candidates:
        if target in unavailable:
            found.left.append(f"unknown on {target}")
            continue
        try:
            endpoints = targets.get(target).list(environment, model)
            old += [(target, one.name) for one in endpoints if one.name != keep or target not in keep_on]
        except IntermodalError as error:
            found.left.append(f"unknown on {target}")
            log.warning("%s did not list its old endpoints: %s", target, error)
    if old:
        time.sleep(drain_seconds)
    for target, name in old:
        try:
            targets.get(target).delete(name)
            found.deleted.append(f"{name} on {target}")
        except IntermodalError as error:
            found.left.append(f"{name} on {target}")
            log.warning("%s on %s was not deleted: %s", name, target, error)
    return found
