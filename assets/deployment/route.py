"""``<model>/route``: the gateway's route to the model's endpoints. The endpoints that it replaces are deleted."""

import json
from collections.abc import Collection

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.endpoint import golden_of
from intermodal.assets.deployment.incident_gate import unavailable_targets
from intermodal.assets.failover_context import REQUIRED_RESOURCES, failover_context
from intermodal.assets.keys import Context, attributes, endpoint_key, key, with_cached_signature
from intermodal.assets.specs import SPEC, as_json
from intermodal.platform.deployment.openapi import curl_of, python_of
from intermodal.platform.deployment.requests import deployment_fingerprint
from intermodal.platform.deployment.rollout_run import holds_back
from intermodal.platform.deployment.route_change import Retired, retire, roll_back, verify_route
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.parity import worst
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.champion_route import champion_route
from intermodal.platform.resilience.context import listed
from intermodal.platform.resilience.failover_plan import desired_replicas, weights_without
from intermodal.platform.resilience.reconcile import reconcile_after_deploy
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target


class RouteConfig(dg.Config):
    """``drain_seconds``: how long replaced endpoints keep running, so that open requests can finish."""

    drain_seconds: float = 2.0


def route(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "route",
            kinds={"envoy"},
            description="The model's address at the gateway, and the weight of each target behind it.",
            metadata={SPEC: as_json(spec)},
            code_version=_fingerprint(spec),
        ),
        deps=[
            *(endpoint_key(spec, target) for target in spec.targets),
            *([key(spec, "rollout")] if spec.rollout else []),
        ],
        required_resource_keys={ports.REGISTRY, *REQUIRED_RESOURCES, *([ports.ROLLOUTS] if spec.rollout else [])},
    )
    @with_cached_signature
    def _route(context: Context, config: RouteConfig) -> dg.MaterializeResult[None]:
        registry, gateway, adapters = ports.registry(context), ports.gateway(context), ports.targets(context)
        environment = ports.deployment(context).environment
        champion = champion_of(registry, spec.name)
        name = endpoint_name(spec.name, champion.version, environment)
        unavailable = unavailable_targets(context, spec)
        old = gateway.route(spec.name)
        if spec.rollout and old and holds_back(ports.rollouts(context).get(spec.name), old, champion.identity):
            return _held_back(context, spec, old, unavailable, config.drain_seconds)
        golden, ctx = golden_of(registry, champion.candidate), failover_context(context, spec.targets)
        new, upstreams = champion_route(ctx, spec, champion, golden)
        serving = [each.target for each in upstreams]
        signature = champion.candidate.record.signature
        gateway.publish(new, upstreams)
        try:
            verify_route(gateway, new, v2.golden_body(signature, golden.rows), golden.predictions)
        except IntermodalError:
            if old is not None:
                roll_back(gateway, adapters, old, environment, unavailable, context.log)
            raise
        reconcile_after_deploy(ctx, spec, champion.version, unavailable)
        # A target that failed meanwhile may have started a cold one. Its recovery scales that one down, not this run.
        kept = spec.targets if ctx.unavailable(spec.name) else serving
        candidates = dict.fromkeys([*spec.targets, *(old.weights if old else ()), *adapters.enabled()])
        retired = retire(
            adapters, candidates, kept, unavailable, spec.name, name, environment, config.drain_seconds, context.log
        )
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "digest": champion.candidate.manifest.digest,
                "url": dg.MetadataValue.url(f"{gateway.url}/v2/models/{spec.name}"),
                "try": dg.MetadataValue.url(f"{gateway.url}/v2/models/{spec.name}/try"),
                "request": dg.MetadataValue.md(_requests(new, gateway.url)),
                **{f"weight_{target}": weight for target, weight in new.weights.items()},
                "unavailable": listed(unavailable) or "none",
                "changed": old != new,
                "retired": ", ".join(retired.deleted) or "nothing",
                "left_running": ", ".join(retired.left) or "nothing",
            },
            data_version=dg.DataVersion(champion.candidate.manifest.digest),
        )

    return _route


def _held_back(
    context: Context, spec: ModelSpec, old: Route, unavailable: Collection[Target], drain_seconds: float
) -> dg.MaterializeResult[None]:
    """The route stays: the new version's rollout goes on, or was aborted, and then its endpoints are removed."""
    rollout, adapters = ports.rollouts(context).get(spec.name), ports.targets(context)
    assert rollout is not None
    retired = Retired()
    if rollout.phase == "aborted":
        environment = ports.deployment(context).environment
        kept = endpoint_name(spec.name, old.version, environment)
        candidates = dict.fromkeys([*spec.targets, *old.weights])
        retired = retire(
            *(adapters, candidates, tuple(candidates), unavailable, spec.name, kept, environment),
            drain_seconds,
            context.log,
        )
    return dg.MaterializeResult(
        metadata={
            "version": old.version,
            "digest": old.digest,
            "rollout": f"{rollout.phase}: {rollout.share} % of requests go to {rollout.new.version}",
            "retired": ", ".join(retired.deleted) or "nothing",
            "left_running": ", ".join(retired.left) or "nothing",
        },
        data_version=dg.DataVersion(old.digest),
    )


def _requests(route: Route, gateway: str) -> str:
    """The same request in curl and in Python, to be copied."""
    return f"```sh\n{curl_of(route, gateway)}\n```\n\n```python\n{python_of(route, gateway)}\n```"


def _fingerprint(spec: ModelSpec) -> str:
    """Code version of the route: the weights without an incident, and each endpoint's fingerprint. The route is made
    last, so a route with this code version means that everything was deployed."""
    serving = [target for target, replicas in desired_replicas(spec).items() if replicas]
    weights = {str(target): weight for target, weight in weights_without(spec, (), serving).items()}
    endpoints = {str(target): deployment_fingerprint(spec, target) for target in spec.targets}
    return json.dumps({"weights": weights, "endpoints": endpoints}, sort_keys=True)


def route_answers(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The gateway answers the golden rows with the champion's predictions."""

    @dg.asset_check(
        asset=key(spec, "route"),
        blocking=True,
        description="The gateway answers the golden rows with the new version's predictions.",
        required_resource_keys={ports.REGISTRY, ports.GATEWAY, *([ports.ROLLOUTS] if spec.rollout else [])},
    )
    @with_cached_signature
    def route_answers(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        registry, gateway = ports.registry(context), ports.gateway(context)
        champion = champion_of(registry, spec.name)
        if spec.rollout:
            rollout = ports.rollouts(context).get(spec.name)
            if rollout and holds_back(rollout, gateway.route(spec.name), champion.identity):
                state = f"the rollout of {rollout.new.version} is {rollout.phase}, so the route is as before"
                return dg.AssetCheckResult(passed=True, metadata={"state": state})
        golden = golden_of(registry, champion.candidate)
        body = v2.golden_body(champion.candidate.record.signature, golden.rows)
        answer, target, version = gateway.infer(spec.name, body)
        deviation = worst(golden.predictions, v2.predictions(answer))
        return dg.AssetCheckResult(
            passed=version == champion.version and deviation.holds,
            metadata={
                "target": str(target),
                "version": version,
                "largest_difference": deviation.difference,
                "allowed": deviation.allowed,
            },
        )

    return route_answers
