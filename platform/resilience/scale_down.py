"""Surge replicas that were left when their incident ended are scaled down to what the spec says."""

from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Entry
from intermodal.platform.resilience.capacity import deploy_verified
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import baseline_replicas
from intermodal.platform.resilience.orphans import SCALED_DOWN, Uses
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


def scale_down(ctx: FailoverContext, target: Target, spec: ModelSpec, used: Uses) -> str:
    """What was done, '' when nothing had to be: another run was first, or the surge is needed again.

    May be repeated. Errors are those of EndpointTarget: the target goes on running more, and a later run tries again.
    """
    left = [surge for surge in used.surges if (surge.model, surge.target) == (spec.name, target)]
    if not left:
        return ""
    route, count = ctx.route(spec.name), baseline_replicas(spec, target)
    if count:
        deploy_verified(ctx, spec, target, route.version, count, ())
    elif route.weights.get(target, 0):
        return ""
    else:
        ctx.targets[target].delete(endpoint_name(spec.name, route.version, ctx.deployment.environment))
    text = f"{target} runs {count or 'nothing'} of {spec.name} again, as its spec says"
    for surge in left:
        ctx.incidents.note(surge.incident, Entry(ctx.now(), "note", f"{SCALED_DOWN}{surge.target}", text))
    return text
