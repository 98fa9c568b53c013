"""Change a route: require ready endpoints, verify the new route, roll back to the old one, remove what was replaced."""

import logging
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports import EndpointTarget, Gateway, Targets
from intermodal.platform.ports.endpoints import Endpoint, Upstream, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.registry import Identity
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.parity import holds
from intermodal.platform.targets import Target


def ready_endpoint(adapter: EndpointTarget, name: str, version: Identity) -> Endpoint:
    """The endpoint. NotFound if there is none, IntermodalError with the platform's reason if it is not ready, or if it
    serves another digest under this number."""
    endpoint = adapter.describe(name)
    if endpoint is None:
        raise NotFound(f"{adapter.target} has no endpoint '{name}'.", hint="Materialize the endpoint asset first.")
    if endpoint.state != "ready":
        raise IntermodalError(
            f"{adapter.target}: endpoint '{name}' is {endpoint.state}. {endpoint.reason}".strip(),
            hint="Materialize the endpoint asset again.",
        )
    require_same(endpoint, version)
    return endpoint


def require_same(endpoint: Endpoint, version: Identity) -> None:
    """IntermodalError if both digests are known and differ."""
    if endpoint.digest and version.digest and endpoint.digest != version.digest:
        raise IntermodalError(
            f"{endpoint.target}: endpoint '{endpoint.name}' serves the package {endpoint.digest[:12]}, not "
            f"{version.digest[:12]} of version {version.version}.",
            hint=f"Run the job deploy_{endpoint.model}, which replaces it.",
        )


def verify_route(gateway: Gateway, route: Route, body: bytes, expected: Sequence[Sequence[float]]) -> None:
    """IntermodalError unless the gateway answers with the new version's predictions. Only then old endpoints are
    deleted."""
    answer, target, version = gateway.infer(route.model, body)
    if version != route.version or not holds(expected, v2.predictions(answer)):
        raise IntermodalError(
            f"The gateway answered for '{route.model}' with version {version} on {target}, not with the golden "
            "predictions.",
            hint="The previous route was restored. Its endpoints still run.",
        )


def roll_back(
    gateway: Gateway,
    targets: Targets,
    old: Route,
    environment: str,
    unavailable: Collection[Target],
    log: logging.Logger,
) -> None:
    """Publish the previous route again, without unavailable targets and those that do not serve it any more, such as
    one that is not enabled. Unavailable if no target is left: the new route stays then."""
    name, upstreams = endpoint_name(old.model, old.version, environment), dict[Target, Upstream]()
    for target in old.serving:
        if target in unavailable:
            continue
        try:
            adapter = targets.get(target)
            upstreams[target] = adapter.upstream(ready_endpoint(adapter, name, old.identity))
        except IntermodalError as error:
            log.warning("%s is left out of the previous route: %s", target, error)
    if not upstreams:
        raise Unavailable(
            f"No target can serve {old.model} {old.version} again, so the new route was not rolled back.",
            hint=f"Look at its endpoints, then run the job deploy_{old.model}.",
        )
    idle = [target for target in old.weights if target not in old.serving and target not in unavailable]
    weights = {target: old.weights[target] for target in old.weights if target in upstreams or target in idle}
    gateway.publish(replace(old, weights=weights), list(upstreams.values()))


@dataclass
class Retired:
    """Endpoints that were deleted, and those that may still run and cost money, as text."""

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
    """Delete the model's endpoints on all ``candidates``, except ``keep`` on the targets in ``keep_on``.

    ``candidates`` may include targets that the spec no longer names. Open requests get ``drain_seconds`` to finish. A
    target that does not answer keeps its old endpoints until the next deployment. Targets in ``unavailable`` are not
    called, which would only time out: their recovery deletes old endpoints.
    """
    old, found = list[tuple[Target, str]](), Retired()
    for target in candidates:
        if target in unavailable:
            found.left.append(f"unknown on {target}")
            continue
        try:
            endpoints = targets.get(target).list(environment, model)
            old += [(target, known.name) for known in endpoints if known.name != keep or target not in keep_on]
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
