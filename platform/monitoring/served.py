"""The version that is monitored: the one that serves. It differs from the champion until that is deployed."""

from intermodal.platform import ports
from intermodal.platform.errors import Lost
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.registry.champion import champion_of


def served_of(registry: ports.ModelRegistry, gateway: ports.Gateway, model: str) -> RegisteredVersion:
    """The version on the gateway's route. The champion if there is no route, or if the registry does not know the
    routed version; NotFound if there is no champion either. All versions are read only if the champion is not
    routed."""
    route = gateway.route(model)
    if route is None:
        return champion_of(registry, model)
    try:
        champion = registry.champion(model)
    except Lost:  # what is routed may be another version, which is still monitored
        champion = None
    if champion is not None and champion.identity.same_as(route.identity):
        return champion
    known = (version for version in registry.versions(model) if version.identity.same_as(route.identity))
    return next(known, None) or champion_of(registry, model)
