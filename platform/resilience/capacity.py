"""Make the clouds run what the open incidents ask for, and move traffic there. Every step may be repeated."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from intermodal.platform.deployment.requests import deploy_request, golden_of_mirror, prove
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import Endpoint, Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.incidents import Incident
from intermodal.platform.resilience import failover_plan
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Cloud


def serve(
    ctx: FailoverContext, spec: ModelSpec, cloud: Cloud, version: str, replicas: int, down: Collection[Cloud]
) -> Endpoint:
    """The version on the cloud with so many replicas, proved with the golden rows of its mirror.

    When its object store does not answer, a living cloud's mirror has the same rows.
    """
    place, store = ctx.places[cloud], ctx.stores[cloud]
    ctx.log.info("%s: %s %s with %d replicas", place.target, spec.name, version, replicas)
    served = place.deploy(deploy_request(spec, ctx.deployment, store, version, replicas))
    for last, source in _mirrors(spec, cloud, down):
        try:
            body, golden = golden_of_mirror(ctx.stores[source], spec.name, version)
        except IntermodalError as error:
            ctx.log.warning("no golden rows from %s: %s", source, error)
            if last:
                raise
        else:
            prove(place, served.name, body, golden)
            break
    return served


def _mirrors(spec: ModelSpec, cloud: Cloud, down: Collection[Cloud]) -> list[tuple[bool, Cloud]]:
    """The cloud, then the others that live; True with the last."""
    clouds = [cloud, *(one for one in failover_plan.order_of(spec) if one != cloud and one not in down)]
    return [(one == clouds[-1], one) for one in clouds]


@dataclass(frozen=True)
class Capacity:
    """``upstreams`` of the clouds that run more than usual; ``refused``: cloud → why it could not take more."""

    upstreams: Mapping[Cloud, Upstream]
    refused: Mapping[Cloud, str]

    def text(self, spec: ModelSpec, down: Collection[Cloud]) -> str:
        counts = failover_plan.helpers(spec, down, self.refused)
        taken = ", ".join(f"{cloud} runs {count}" for cloud, count in counts.items()) or "nothing had to be replaced"
        return "; ".join([taken, *(f"{cloud} could not: {why}" for cloud, why in self.refused.items())])


def take_over(ctx: FailoverContext, spec: ModelSpec, version: str, down: Collection[Cloud]) -> Capacity:
    """Give each dead cloud's replicas to the next living one in the failover order, and past one that cannot take them.

    Raises the last reason when nobody could.
    """
    refused: dict[Cloud, str] = {}
    while True:
        upstreams: dict[Cloud, Upstream] = {}
        for cloud, count in failover_plan.helpers(spec, down, refused).items():
            try:
                upstreams[cloud] = ctx.places[cloud].upstream(serve(ctx, spec, cloud, version, count, down))
            except IntermodalError as error:
                ctx.log.warning("%s cannot take over for %s: %s", cloud, ", ".join(sorted(down)), error)
                refused[cloud] = error.message
                if not set(failover_plan.wanted(spec, down)) - set(refused):
                    raise
                break
        else:
            return Capacity(upstreams, refused)


def running(spec: ModelSpec, down: Collection[Cloud], route: Route) -> frozenset[Cloud]:
    """The living clouds that serve the route's version now: all that should but a cold one without traffic."""
    return frozenset(
        cloud
        for cloud in failover_plan.wanted(spec, down)
        if cloud in route.weights and (cloud not in spec.failover.cold or route.weights[cloud])
    )


def move(
    ctx: FailoverContext,
    spec: ModelSpec,
    version: str,
    down: Collection[Cloud],
    added: Mapping[Cloud, Upstream],
    unable: Collection[Cloud],
    stay: bool = True,
) -> bool:
    """Traffic as the policy says over what runs and what is ``added``; False when there is nobody to send it to.

    ``unable`` took nothing over from the dead clouds, so they get no more traffic than is theirs. ``stay``: cold clouds
    that have traffic keep it. Raises Moved when another version was published meanwhile.
    """
    route = ctx.route(spec.name)
    if route.version != version:
        raise Moved(f"'{spec.name}' went from {version} to {route.version} meanwhile.")
    serving = {*running(spec, down, route), *added}
    if not stay:
        serving = {cloud for cloud in serving if cloud in added or failover_plan.wanted(spec, down)[cloud]}
    if not serving:
        return False
    weights = failover_plan.shares(spec, down, serving, unable)
    if added or any(route.weights.get(cloud, 0) != weights.get(cloud, 0) for cloud in {*route.weights, *weights}):
        ctx.gateway.shift(spec.name, weights, list(added.values()))
    return True


class Moved(IntermodalError):
    """A new version was published while a failover worked on the old one: begin again."""


def again_when_moved(work: Callable[[], Incident], tries: int = 3) -> Incident:
    for _ in range(tries - 1):
        try:
            return work()
        except Moved:
            continue
    return work()
