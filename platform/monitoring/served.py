"""The version that is watched: the one that serves, which is not the champion while its deployment fails."""

from intermodal.platform import ports
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.registry.champion import champion_of


def served_of(registry: ports.ModelRegistry, gateway: ports.Gateway, model: str) -> RegisteredVersion:
    """The version on the gateway's route; the champion where there is no route, or the registry does not know that
    version. NotFound when there is no champion then. Only for another than the champion are all versions read."""
    route = gateway.route(model)
    if route is None:
        return champion_of(registry, model)
    champion = registry.champion(model)
    if champion is not None and champion.version == route.version:
        return champion
    known = (one for one in registry.versions(model) if one.version == route.version)
    return next(known, None) or champion_of(registry, model)
