"""The route that the champion gets when all its traffic goes to it, with an upstream for each target that serves."""

from intermodal.platform.deployment.route_change import ready_endpoint
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.endpoints import Upstream, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.registry import RegisteredVersion
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden
from intermodal.platform.resilience.context import FailoverContext
from intermodal.platform.resilience.failover_plan import desired_replicas, weights_without
from intermodal.platform.spec import ModelSpec


def champion_route(
    ctx: FailoverContext, spec: ModelSpec, champion: RegisteredVersion, golden: Golden
) -> tuple[Route, list[Upstream]]:
    """Unavailable when every target has an open incident; NotFound and IntermodalError for an endpoint that is not
    ready."""
    unavailable = ctx.unavailable(spec.name)
    name = endpoint_name(spec.name, champion.version, ctx.deployment.environment)
    signature = champion.candidate.record.signature
    serving = [target for target, replicas in desired_replicas(spec, unavailable).items() if replicas]
    if not serving:
        raise Unavailable(
            f"Every target of '{spec.name}' has an open incident.",
            hint="Deploy again after one of them has recovered.",
        )
    endpoints = {target: ready_endpoint(ctx.targets[target], name, champion.identity) for target in serving}
    route = Route(
        model=spec.name,
        version=champion.version,
        weights=weights_without(spec, unavailable, serving),
        metadata=signature.metadata(spec.name, champion.version),
        golden_body=v2.golden_body(signature, golden.rows[:1]).decode(),
        digest=champion.candidate.manifest.digest,
    )
    return route, [ctx.targets[target].upstream(endpoint) for target, endpoint in endpoints.items()]
