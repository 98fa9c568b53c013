"""A target that is back gets its share by steps, each of which it must bear.

Envoy's slow start acts among the hosts of one cluster. Each upstream is a cluster of one host, so the steps are
weights of the route.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import current_round
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target

SHARE_STEPS = (0.25, 0.5)
"""Parts of the way to the share, before all of it. An upstream that is started anew loads its caches at the first."""
STEP_SECONDS = 10.0
"""How long each step is borne: longer than an ejection (5 s), so that one that fails is seen."""


def between(now: Mapping[Target, int], goal: Mapping[Target, int], part: float) -> dict[Target, int]:
    """The weights at this part of the way, as percent of their sums, so that weights of other scales compare."""
    sums = sum(now.values()), sum(goal.values())
    return {
        target: round(100 * ((1 - part) * now.get(target, 0) / sums[0] + part * goal.get(target, 0) / sums[1]))
        for target in {**goal, **now}
    }


def return_by_steps(
    ctx: FailoverContext,
    route: Route,
    goal: Mapping[Target, int],
    target: Target,
    added: Sequence[Upstream],
    unchanged: Callable[[], object],
) -> None:
    """Move the weights towards the goal, but not all of the way. Nothing when the target's share does not grow, or
    when the others that have traffic cannot bear it meanwhile.

    Raises Unavailable when the target does not bear a step; the weights are then those that were before. ``unchanged``
    raises when another version was published during a step: its weights are its own.
    """
    share = goal.get(target, 0) / sum(goal.values()) - route.weights.get(target, 0) / sum(route.weights.values())
    health = ctx.gateway.upstream_health(route.model)
    others = [other for other, weight in route.weights.items() if weight and other != target and health.get(other)]
    if share <= 0 or not others:
        return
    for part in SHARE_STEPS:
        weights = between(route.weights, goal, part)
        ctx.log.info("%s: %s gets %d %% of the requests", route.model, target, weights[target])
        ctx.gateway.shift(route.model, weights, added)
        ctx.pause(STEP_SECONDS)
        unchanged()
        if not ctx.gateway.upstream_health(route.model).get(target):
            ctx.gateway.shift(route.model, route.weights)
            raise Unavailable(
                f"{target} did not bear {weights[target]} % of the requests for '{route.model}'.",
                hint="It has the share that it had before, and its recovery is tried again, later and later.",
            )


def undrained(ctx: FailoverContext, spec: ModelSpec, unavailable: Collection[Target]) -> frozenset[Target]:
    """Those of the unavailable targets that kept their weight, since no other was left when they failed. They keep it
    when another is seen again first: the gateway asks who answers, and their own failover moves their traffic."""
    known, weights = ctx.open_incidents(spec.name), ctx.route(spec.name).weights
    return frozenset(
        target
        for target in unavailable
        if weights.get(target, 0) and not known[target].has("drained", str(current_round(known[target])))
    )
