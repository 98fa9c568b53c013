"""``<model>/drill``: an outage made on purpose, measured, and held against the spec's objectives."""

import dataclasses
from typing import Any

import dagster as dg

from intermodal.assets import drilling, resources
from intermodal.assets.common import Context, attributes, key
from intermodal.assets.predictions import clouds_of
from intermodal.platform.clouds import parse_cloud
from intermodal.platform.drills import DrillResult, judge, parse_drill, require_safe
from intermodal.platform.spec import ModelSpec


class DrillConfig(dg.Config):
    """``kind``: outage, brownout, throttle or corrupt. ``seconds``: how long it lasts at most; ``rate``: requests a
    second that the drill itself sends, known rows beside the callers' own. ``allow_production``: yes, really."""

    kind: str = "outage"
    cloud: str = "aws"
    seconds: float = 60.0
    rate: float = 50.0
    allow_production: bool = False


def drill(spec: ModelSpec) -> dg.AssetsDefinition:
    stores = {resources.store_key(cloud) for cloud in clouds_of(spec)}

    @dg.asset(
        **attributes(
            spec,
            "drill",
            kinds={"envoy"},
            description="The last drill: how soon an outage on purpose was noticed, drained and made up for, and "
            "whether anybody's request failed.",
        ),
        deps=[key(spec, "route")],
        required_resource_keys={
            *(resources.GATEWAY, resources.DEPLOYMENT, resources.INCIDENTS, resources.REGISTRY),
            *stores,
        },
    )
    def _drill(context: Context, config: DrillConfig) -> dg.MaterializeResult[None]:
        kind, cloud = parse_drill(config.kind), parse_cloud(config.cloud)
        gateway, incidents = resources.gateway(context), resources.incidents(context)
        health = gateway.health()
        # The gateway disturbs a cloud, so every model that it serves is in the drill: each must be able to bear it.
        routes = {name: gateway.route(name) for name in health}
        concerned = {name: route for name, route in routes.items() if route is not None and cloud in route.serving}
        for name, route in {**concerned, spec.name: gateway.route(spec.name)}.items():
            require_safe(
                route,
                health.get(name, {}),
                cloud,
                environment=resources.deployment(context).environment,
                allow_production=config.allow_production,
                handled=bool(incidents.all(open_only=True) or gateway.disturbances()),
            )
        if kind == "corrupt":
            registry, store = resources.registry(context), resources.store(context, cloud)
            result = drilling.corrupt(spec.name, cloud, gateway, registry, store)
        else:
            result = drilling.disturb(spec.name, kind, cloud, gateway, incidents, config.seconds, config.rate)
        context.log.info("%s", result)
        return dg.MaterializeResult(metadata={**_numbers(result), **_verdict(result, spec)})

    return _drill


def _numbers(result: DrillResult) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(result).items() if value is not None}


def _verdict(result: DrillResult, spec: ModelSpec) -> dict[str, Any]:
    passed, reasons = judge(result, spec.objectives)
    return {"passed": passed, "reasons": dg.MetadataValue.md(" ".join(reasons))}


def objectives(spec: ModelSpec) -> dg.AssetChecksDefinition:
    """The last drill met the spec's objectives."""

    @dg.asset_check(
        asset=key(spec, "drill"),
        name="objectives",
        description="No request failed; drained and at full capacity as soon as the spec's objectives say.",
    )
    def _objectives(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        event = context.instance.get_latest_materialization_event(key(spec, "drill"))
        if event is None or event.asset_materialization is None:
            return dg.AssetCheckResult(passed=False, metadata={"reasons": "There was no drill yet."})
        metadata = event.asset_materialization.metadata
        return dg.AssetCheckResult(passed=bool(metadata["passed"].value), metadata={"reasons": metadata["reasons"]})

    return _objectives
