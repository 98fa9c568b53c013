"""A helper that could not be scaled back when its incident ended runs what the spec says again."""

from typing import Any

from intermodal.assets import resources
from intermodal.assets.capacity import Ports, serve
from intermodal.platform import failover
from intermodal.platform.clouds import Target, parse_target
from intermodal.platform.endpoints import endpoint_name
from intermodal.platform.incidents import Entry
from intermodal.platform.orphans import RESTED, Uses
from intermodal.platform.spec import ModelSpec


def rest(context: Any, target: Target, spec: ModelSpec, used: Uses) -> str:
    """What was done, '' when nothing had to be: another run was first, or the helper is needed again.

    May be repeated. Errors are those of EndpointTarget: it goes on running more, and a later run tries again.
    """
    left = [one for one in used.left if (one.model, one.cloud) == (spec.name, target.cloud)]
    if not left:
        return ""
    at = _ports(context, spec)
    route, count = at.route(spec.name), failover.base(spec, target.cloud)
    if count:
        serve(at, spec, target.cloud, route.version, count, ())
    elif route.weights.get(target.cloud, 0):
        return ""
    else:
        at.places[target.cloud].delete(endpoint_name(spec.name, route.version, at.deployment.environment))
    text = f"{target.cloud} runs {count or 'nothing'} of {spec.name} again, as its spec says"
    for one in left:
        at.incidents.note(one.incident, Entry(at.now(), "note", f"{RESTED}{one.cloud}", text))
    return text


def _ports(context: Any, spec: ModelSpec) -> Ports:
    targets = [parse_target(name) for name in spec.serve]
    return Ports(
        gateway=resources.gateway(context),
        incidents=resources.incidents(context),
        notifier=resources.notifier(context),
        deployment=resources.deployment(context),
        stores={target.cloud: resources.store(context, target.cloud) for target in targets},
        places={target.cloud: resources.place(context, target) for target in targets},
        log=context.log,
    )
