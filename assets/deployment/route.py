"""``<model>/route``: the gateway sends the model's requests to its endpoints, and what was replaced is removed."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.endpoint import golden_of
from intermodal.assets.deployment.incident_gate import down
from intermodal.assets.failover_context import failover_context, failover_resources
from intermodal.assets.keys import Context, attributes, key, signed
from intermodal.assets.specs import SPEC, as_json
from intermodal.platform.deployment.requests import stated
from intermodal.platform.errors import IntermodalError, NotFound, Unavailable
from intermodal.platform.ports import EndpointTarget, Gateway, ModelRegistry
from intermodal.platform.ports.endpoints import Endpoint, endpoint_name
from intermodal.platform.ports.gateway import Route
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.parity import holds, largest_difference
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.failover_plan import shares, wanted
from intermodal.platform.resilience.reconcile import reconcile_after_deploy
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import TARGETS, Cloud, Target


class RouteConfig(dg.Config):
    """``drain_seconds``: how long the replaced endpoints stay up for requests that are under way."""

    drain_seconds: float = 2.0


def route(spec: ModelSpec, targets: Sequence[Target]) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "route",
            kinds={"envoy"},
            description="One address for the model, whatever cloud answers.",
            metadata={SPEC: as_json(spec)},
            code_version=_stated(spec, targets),
        ),
        deps=[key(spec, "endpoint", target.cloud) for target in targets],
        required_resource_keys={
            ports.REGISTRY,
            *failover_resources(targets),
            *(ports.target_key(target) for target in TARGETS),
        },
    )
    @signed
    def _route(context: Context, config: RouteConfig) -> dg.MaterializeResult[None]:
        registry, gateway = ports.registry(context), ports.gateway(context)
        deployment = ports.deployment(context)
        champion = champion_of(registry, spec.name)
        signature = champion.candidate.record.signature
        golden = golden_of(registry, champion.candidate)
        name = endpoint_name(spec.name, champion.version, deployment.environment)
        away = down(context, spec)
        serving = [target for target in targets if wanted(spec, away).get(target.cloud)]
        if not serving:
            raise Unavailable(
                f"Every cloud of '{spec.name}' has an open incident.", hint="Deploy again when one of them is back."
            )
        endpoints = {target: _ready(ports.place(context, target), name) for target in serving}
        new = Route(
            model=spec.name,
            version=champion.version,
            weights=shares(spec, away, [target.cloud for target in serving]),
            metadata=signature.metadata(spec.name, champion.version),
            golden_body=v2.golden_body(signature, golden.rows[:1]).decode(),
        )
        old, held = gateway.route(spec.name), [ports.place(context, t).upstream(e) for t, e in endpoints.items()]
        gateway.publish(new, held)
        try:
            _prove(gateway, new, v2.golden_body(signature, golden.rows), golden.predictions)
        except IntermodalError:
            if old is not None:
                _put_back(context, gateway, old, deployment.environment, away)
            raise
        at = failover_context(context, targets)
        reconcile_after_deploy(at, spec, champion.version, away)
        # A cloud that died since may have woken a cold one: its recovery lets that rest again.
        kept = targets if at.down(spec.name) else serving
        retired, left = _retire(context, kept, away, spec.name, name, deployment.environment, config.drain_seconds)
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "url": dg.MetadataValue.url(f"{gateway.url}/v2/models/{spec.name}"),
                **{f"weight_{cloud}": weight for cloud, weight in new.weights.items()},
                "clouds_away": ", ".join(sorted(away)) or "none",
                "changed": old != new,
                "retired": ", ".join(retired) or "nothing",
                "left_running": ", ".join(left) or "nothing",
            },
            data_version=dg.DataVersion(champion.candidate.manifest.digest),
        )

    return _route


def _stated(spec: ModelSpec, targets: Sequence[Target]) -> str:
    """What the spec says of all that is deployed, as a code version: the shares when all is well, and each endpoint.
    The route comes last, so with this one the whole was deployed."""
    serving = [cloud for cloud, replicas in wanted(spec).items() if replicas]
    endpoints = {str(target): stated(spec, target.cloud) for target in targets}
    return json.dumps({"shares": shares(spec, (), serving), "endpoints": endpoints}, sort_keys=True)


def _ready(place: EndpointTarget, name: str) -> Endpoint:
    served = place.describe(name)
    if served is None:
        raise NotFound(f"{place.target} has no endpoint '{name}'.", hint="Materialize the endpoint asset first.")
    if served.state != "ready":
        raise IntermodalError(
            f"{place.target}: endpoint '{name}' is {served.state}. {served.reason}".strip(),
            hint="Materialize the endpoint asset again.",
        )
    return served


def _prove(gateway: Gateway, route: Route, body: bytes, expected: Sequence[Sequence[float]]) -> None:
    """The old endpoints may go only when the gateway answers with the new version's predictions."""
    answer, cloud, version = gateway.infer(route.model, body)
    if version != route.version or not holds(expected, v2.predictions(answer)):
        raise IntermodalError(
            f"The gateway answered '{route.model}' with version {version} on {cloud}, not with the golden predictions.",
            hint="The earlier route was put back and its endpoints still run.",
        )


def _put_back(context: Context, gateway: Gateway, old: Route, environment: str, away: frozenset[Cloud]) -> None:
    name = endpoint_name(old.model, old.version, environment)
    places = [ports.place(context, t) for t in TARGETS if t.cloud in old.serving and t.cloud not in away]
    weights = {cloud: weight for cloud, weight in old.weights.items() if cloud not in away}
    gateway.publish(replace(old, weights=weights), [place.upstream(_ready(place, name)) for place in places])


def _retire(
    context: Context,
    targets: Sequence[Target],
    away: frozenset[Cloud],
    model: str,
    keep: str,
    environment: str,
    drain_seconds: float,
) -> tuple[list[str], list[str]]:
    """Delete the model's other endpoints on every target, also on those that the spec no longer names.

    Requests under way get time to end. A cloud that does not answer now keeps its old endpoints until the next deploy;
    they are named, since they cost money.
    """
    old: list[tuple[Target, str]] = []
    retired, left = [], []
    for target in TARGETS:
        if target.cloud in away:  # it would only be waited for; its recovery removes what it still runs
            left.append(f"unknown on {target}")
            continue
        try:
            served = ports.place(context, target).list(environment, model)
            old += [(target, one.name) for one in served if one.name != keep or target not in targets]
        except IntermodalError as error:
            left.append(f"unknown on {target}")
            context.log.warning("%s was not asked for old endpoints: %s", target, error)
    if old:
        time.sleep(drain_seconds)
    for target, name in old:
        try:
            ports.place(context, target).delete(name)
            retired.append(f"{name} on {target}")
        except IntermodalError as error:
            left.append(f"{name} on {target}")
            context.log.warning("%s on %s was not deleted: %s", name, target, error)
    return retired, left


def route_answers(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The gateway answers the golden rows with the champion's predictions."""

    @dg.asset_check(
        asset=key(spec, "route"),
        blocking=True,
        description="The gateway answers the golden rows with the new version's predictions.",
    )
    @signed
    def route_answers(
        registry: dg.ResourceParam[ModelRegistry], gateway: dg.ResourceParam[Gateway]
    ) -> dg.AssetCheckResult:
        champion = champion_of(registry, spec.name)
        golden = golden_of(registry, champion.candidate)
        body = v2.golden_body(champion.candidate.record.signature, golden.rows)
        answer, cloud, version = gateway.infer(spec.name, body)
        predictions = v2.predictions(answer)
        return dg.AssetCheckResult(
            passed=version == champion.version and holds(golden.predictions, predictions),
            metadata={
                "cloud": cloud,
                "version": version,
                "largest_difference": largest_difference(golden.predictions, predictions),
            },
        )

    return route_answers
