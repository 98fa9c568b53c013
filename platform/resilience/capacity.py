"""Make the targets run what the open incidents require, and shift traffic there. Every step may be repeated."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from intermodal.platform.deployment.requests import deploy_request, golden_of_mirror, verify
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience.context import FailoverContext, listed
from intermodal.platform.resilience.failover_plan import desired_replicas, surge_replicas, weights_without
from intermodal.platform.resilience.steps import return_by_steps
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Site, Target


def deploy_verified(
    ctx: FailoverContext,
    spec: ModelSpec,
    target: Target,
    version: str,
    replicas: int,
    unavailable: Collection[Target],
) -> Endpoint:
    """Deploy the version with so many replicas and verify it with the golden rows of its mirror.

    When the site's object store does not answer, that of another available site has the same rows and names the image.
    """
    adapter, store = ctx.targets[target], ctx.stores[target.site]
    ctx.log.info("%s: %s %s with %d replicas", target, spec.name, version, replicas)
    sites = _mirror_sites(spec, target, unavailable)
    others = (ctx.stores[site] for site in sites[1:])
    identity = ctx.identity(spec.name, version)
    endpoint = adapter.deploy(deploy_request(spec, ctx.deployment, store, identity, replicas, others))
    for site in sites:
        try:
            body, golden = golden_of_mirror(ctx.stores[site], spec.name, version)
        except IntermodalError as error:
            ctx.log.warning("no golden rows from %s: %s", site, error)
            if site == sites[-1]:
                raise
        else:
            verify(adapter, endpoint.name, body, golden)
            break
    return endpoint


def _mirror_sites(spec: ModelSpec, target: Target, unavailable: Collection[Target]) -> list[Site]:
    """The target's own site, then those of the other available targets."""
    others = [other.site for other in spec.failover_order if other not in unavailable]
    return list(dict.fromkeys([target.site, *others]))


@dataclass(frozen=True)
class Capacity:
    """``upstreams`` of the targets that run more than their baseline; ``refused``: target → why it took no more."""

    upstreams: Mapping[Target, Upstream]
    refused: Mapping[Target, str]

    def text(self, spec: ModelSpec, unavailable: Collection[Target]) -> str:
        counts = surge_replicas(spec, unavailable, self.refused)
        taken = ", ".join(f"{target} runs {count}" for target, count in counts.items()) or "nothing had to be replaced"
        return "; ".join([taken, *(f"{target} could not: {why}" for target, why in self.refused.items())])


def replace_capacity(ctx: FailoverContext, spec: ModelSpec, version: str, unavailable: Collection[Target]) -> Capacity:
    """Give the replicas of each unavailable target to its successor, and past one that cannot take them.

    Raises the last reason when no target could.
    """
    refused: dict[Target, str] = {}
    while True:
        upstreams: dict[Target, Upstream] = {}
        for target, count in surge_replicas(spec, unavailable, refused).items():
            try:
                endpoint = deploy_verified(ctx, spec, target, version, count, unavailable)
                upstreams[target] = ctx.targets[target].upstream(endpoint)
            except IntermodalError as error:
                ctx.log.warning("%s cannot take over for %s: %s", target, listed(unavailable), error)
                refused[target] = error.message
                if not set(desired_replicas(spec, unavailable)) - set(refused):
                    raise
                break
        else:
            return Capacity(upstreams, refused)


def running(spec: ModelSpec, unavailable: Collection[Target], route: Route) -> frozenset[Target]:
    """The available targets that serve the route's version now: all but a cold one without traffic."""
    cold = spec.cold_targets
    return frozenset(
        target
        for target in desired_replicas(spec, unavailable)
        if target in route.weights and (target not in cold or route.weights[target])
    )


def shift_traffic(
    ctx: FailoverContext,
    spec: ModelSpec,
    version: str,
    unavailable: Collection[Target],
    added: Mapping[Target, Upstream],
    exhausted: Collection[Target],
    keep_cold: bool = True,
    returning: Target | None = None,
) -> bool:
    """Weights by the policy over what runs and what is ``added``; False when no target is left.

    ``exhausted`` targets took nothing over, so they get no more traffic than their own. ``keep_cold``: cold targets
    that have traffic keep it. ``returning`` gets its share by steps. Raises RouteChanged when another version was
    published meanwhile.
    """

    def unchanged() -> Route:
        route = ctx.route(spec.name)
        if route.version != version:
            raise RouteChanged(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
        return route

    route = unchanged()
    serving = {*running(spec, unavailable, route), *added}
    if not keep_cold:
        replicas = desired_replicas(spec, unavailable)
        serving = {target for target in serving if target in added or replicas[target]}
    if not serving:
        return False
    weights = weights_without(spec, unavailable, serving, exhausted)
    if added or any(route.weights.get(target, 0) != weights.get(target, 0) for target in {*route.weights, *weights}):
        if returning is not None:
            return_by_steps(ctx, route, weights, returning, list(added.values()), unchanged)
        ctx.gateway.shift(spec.name, weights, list(added.values()))
    return True


class RouteChanged(IntermodalError):
    """A new version was published while a failover worked on the old one: begin again."""


def retry_when_route_changes(work: Callable[[], Incident], tries: int = 3) -> Incident:
    for _ in range(tries - 1):
        try:
            return work()
        except RouteChanged:
            continue
    return work()
