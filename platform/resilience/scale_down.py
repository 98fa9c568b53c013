"""A helper that could not be scaled back when its incident ended runs what the spec says again."""

from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.incidents import Entry
from intermodal.platform.resilience import failover_plan
from intermodal.platform.resilience.capacity import serve
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.orphans import RESTED, Uses
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


def scale_down(ctx: FailoverContext, target: Target, spec: ModelSpec, used: Uses) -> str:
    """What was done, '' when nothing had to be: another run was first, or the helper is needed again.

    May be repeated. Errors are those of EndpointTarget: it goes on running more, and a later run tries again.
    """
    left = [one for one in used.left if (one.model, one.cloud) == (spec.name, target.cloud)]
    if not left:
        return ""
    route, count = ctx.route(spec.name), failover_plan.base(spec, target.cloud)
    if count:
        serve(ctx, spec, target.cloud, route.version, count, ())
    elif route.weights.get(target.cloud, 0):
        return ""
    else:
        ctx.places[target.cloud].delete(endpoint_name(spec.name, route.version, ctx.deployment.environment))
    text = f"{target.cloud} runs {count or 'nothing'} of {spec.name} again, as its spec says"
    for one in left:
        ctx.incidents.note(one.incident, Entry(ctx.now(), "note", f"{RESTED}{one.cloud}", text))
    return text
