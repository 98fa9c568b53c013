"""The routes at the gateway, so that one that cannot be read stops no other model."""

from collections.abc import Mapping
from dataclasses import dataclass

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Gateway
from intermodal.platform.ports.gateway import Route


@dataclass(frozen=True)
class Routes:
    """By model. ``unreadable``: why a route that exists could not be read."""

    found: Mapping[str, Route]
    unreadable: Mapping[str, str]


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
