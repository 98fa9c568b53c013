"""The routes at the gateway, so that one that cannot be read stops no other model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Gateway, Rollouts
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.rollouts import Rollout


@dataclass(frozen=True)
class Routes:
    """By model. ``unreadable``: why a route that exists could not be read."""

    found: Mapping[str, Route]
    unreadable: Mapping[str, str]


def read_rollouts(rollouts: Rollouts, models: Iterable[str], routes: Routes) -> tuple[Mapping[str, Rollout], Routes]:
    """The rollouts of these models. A model whose rollout cannot be read has no readable route either: what it should
    serve is not known."""
    found, unreadable = dict[str, Rollout](), dict[str, str]()
    for model in models:
        try:
            if (rollout := rollouts.get(model)) is not None:
                found[model] = rollout
        except IntermodalError as error:
            unreadable[model] = str(error)
    known = {name: route for name, route in routes.found.items() if name not in unreadable}
    return found, Routes(known, {**routes.unreadable, **unreadable})


def read_routes(gateway: Gateway) -> Routes:
    """Every route. The gateway's own errors, when it cannot list its models."""
    found, unreadable = dict[str, Route](), dict[str, str]()
    for model in gateway.models():
        try:
            route = gateway.route(model)
        except IntermodalError as error:
            unreadable[model] = str(error)
            continue
        if route is not None:
            found[model] = route
    return Routes(found, unreadable)
