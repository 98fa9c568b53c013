"""``<model>/route``: the gateway sends the model's requests to its endpoints, and what was replaced is removed."""

import time
from collections.abc import Sequence

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.common import DEPLOYS, Context, attributes, key
from intermodal.assets.endpoint import golden_of
from intermodal.assets.version import champion_of
from intermodal.platform import ports, v2
from intermodal.platform.clouds import Target
from intermodal.platform.endpoints import Endpoint, endpoint_name
from intermodal.platform.errors import IntermodalError, NotFound
from intermodal.platform.parity import holds, largest_difference
from intermodal.platform.routing import Route, policy_weights
from intermodal.platform.spec import ModelSpec


class RouteConfig(dg.Config):
    """``drain_seconds``: how long the replaced endpoints stay up for requests that are under way."""

    drain_seconds: float = 2.0


def route(spec: ModelSpec, targets: Sequence[Target]) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(spec, "route", kinds={"envoy"}, description="One address for the model, whatever cloud answers."),
        deps=[key(spec, "endpoint", target.cloud) for target in targets],
        required_resource_keys={
            *(resources.REGISTRY, resources.DEPLOYMENT, resources.GATEWAY),
            *(resources.target_key(target) for target in targets),
        },
        automation_condition=DEPLOYS,
    )
    def _route(context: Context, config: RouteConfig) -> dg.MaterializeResult[None]:
        registry, gateway = resources.registry(context), resources.gateway(context)
        deployment = resources.deployment(context)
        places = {target: resources.place(context, target) for target in targets}
        champion = champion_of(registry, spec.name)
        signature = champion.candidate.record.signature
        golden = golden_of(registry, champion.candidate)
        name = endpoint_name(spec.name, champion.version, deployment.environment)
        endpoints = {target: _ready(place, name) for target, place in places.items()}
        new = Route(
            model=spec.name,
            version=champion.version,
            weights=policy_weights(spec.route.policy, [target.cloud for target in targets], spec.route.weights),
            metadata=signature.metadata(spec.name, champion.version),
            golden_body=v2.request_body(signature, golden.rows[:1]).decode(),
        )
        moved = gateway.route(spec.name) != new
        gateway.publish(new, [places[target].upstream(served) for target, served in endpoints.items()])
        retired = _retire(context, places, spec.name, name, deployment.environment, config.drain_seconds)
        return dg.MaterializeResult(
            metadata={
                "version": champion.version,
                "url": dg.MetadataValue.url(f"{gateway.url}/v2/models/{spec.name}"),
                **{f"weight_{cloud}": weight for cloud, weight in new.weights.items()},
                "changed": moved,
                "retired": ", ".join(retired) or "nothing",
            },
            data_version=dg.DataVersion(champion.candidate.manifest.digest),
        )

    return _route


def _ready(place: ports.EndpointTarget, name: str) -> Endpoint:
    served = place.describe(name)
    if served is None:
        raise NotFound(f"{place.target} has no endpoint '{name}'.", hint="Materialize the endpoint asset first.")
    if served.state != "ready":
        raise IntermodalError(
            f"{place.target}: endpoint '{name}' is {served.state}. {served.reason}".strip(),
            hint="Materialize the endpoint asset again.",
        )
    return served


def _retire(
    context: Context,
    places: dict[Target, ports.EndpointTarget],
    model: str,
    keep: str,
    environment: str,
    drain_seconds: float,
) -> list[str]:
    """Delete the endpoints of earlier versions, after requests under way had time to end."""
    old = [(t, served.name) for t, place in places.items() for served in place.list(environment, model)]
    old = [(target, name) for target, name in old if name != keep]
    if old:
        time.sleep(drain_seconds)
    for target, name in old:
        places[target].delete(name)
        context.log.info("retired %s on %s", name, target)
    return [f"{name} on {target}" for target, name in old]


def route_answers(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The gateway answers the golden rows with the champion's predictions."""

    @dg.asset_check(
        asset=key(spec, "route"),
        blocking=True,
        description="The gateway answers the golden rows with the new version's predictions.",
    )
    def route_answers(
        registry: dg.ResourceParam[ports.ModelRegistry], gateway: dg.ResourceParam[ports.Gateway]
    ) -> dg.AssetCheckResult:
        champion = champion_of(registry, spec.name)
        golden = golden_of(registry, champion.candidate)
        body = v2.request_body(champion.candidate.record.signature, golden.rows)
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
