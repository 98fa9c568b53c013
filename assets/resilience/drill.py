"""``<model>/drill``: a deliberate outage, measured and compared with the spec's objectives."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from intermodal.assets import ports
from intermodal.assets.keys import Context, attributes, key, with_cached_signature
from intermodal.assets.runs import DRILL_TAG, RUNNING, created_at
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.gateway import Route
from intermodal.platform.resilience import drill_run
from intermodal.platform.resilience.drills import (
    MAX_DRILL_RATE,
    MAX_DRILL_SECONDS,
    DrillResult,
    judge,
    parse_drill,
    require_safe,
)
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import select

OBJECTIVES = "objectives"
"""The check of a drill."""
GRACE_SECONDS = 60.0
"""How long after its planned end a drill's run may still wait for the recovery."""


class DrillConfig(dg.Config):
    """``kind``: outage, brownout, throttle or corrupt. ``target``: a target, a site (``aws@eu-west-1``) or a cloud;
    empty: the first target that serves the model. ``seconds``: its maximum duration. ``rate``: requests a second
    that the drill sends itself, in addition to the callers'. ``allow_production``: confirms a drill in production."""

    kind: str = "outage"
    target: str = ""
    seconds: float = Field(default=60.0, gt=0, le=MAX_DRILL_SECONDS)
    rate: float = Field(default=50.0, gt=0, le=MAX_DRILL_RATE)
    allow_production: bool = False


def drill(spec: ModelSpec) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "drill",
            kinds={"envoy"},
            description="The last drill: how soon a deliberate outage was detected, drained and its capacity replaced, "
            "and how many requests failed.",
            check_specs=[
                dg.AssetCheckSpec(
                    OBJECTIVES,
                    asset=key(spec, "drill"),
                    description="No request failed, and draining and full capacity were within the spec's objectives.",
                )
            ],
        ),
        deps=[key(spec, "route")],
        required_resource_keys={ports.GATEWAY, ports.DEPLOYMENT, ports.INCIDENTS, ports.REGISTRY, ports.STORES},
    )
    @with_cached_signature
    def _drill(context: Context, config: DrillConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # checks
        kind = parse_drill(config.kind)
        gateway, incidents = ports.gateway(context), ports.incidents(context)
        handled = bool(has_earlier_drill(context) or incidents.all(open_only=True) or gateway.disturbances())
        health = gateway.health()
        routes = {name: gateway.route(name) for name in gateway.models()}
        scope = _scope(config.target, spec.name, {name: route for name, route in routes.items() if route is not None})
        # The gateway disturbs targets, so the drill affects every model that they serve: each must tolerate it.
        routed = {
            name: route
            for name, route in routes.items()
            if route is not None and set(scope.targets) & set(route.serving)
        }
        for name, route in {**routed, spec.name: routes.get(spec.name)}.items():
            require_safe(
                route,
                health.get(name, {}),
                scope.targets,
                environment=ports.deployment(context).environment,
                allow_production=config.allow_production,
                handled=handled,
            )
        if kind == "corrupt":
            registry, store = ports.registry(context), ports.stores(context).get(scope.of_model[0].site)
            result = drill_run.corrupt(spec.name, scope.name, gateway, registry, store)
        else:
            affected = {spec.name, *routed}
            result = drill_run.disturb(
                spec.name, kind, scope, gateway, incidents, config.seconds, config.rate, affected
            )
        context.log.info("%s", result)
        return _judged(result, spec)

    return _drill


def _scope(text: str, model: str, routes: Mapping[str, Route]) -> drill_run.Scope:
    """The targets that ``text`` selects, of all that the gateway knows and of the model's. IntermodalError if none of
    the model's is selected."""
    route = routes.get(model)
    if route is None:
        raise IntermodalError(f"The gateway has no route for '{model}'.", hint=f"Run the job deploy_{model} first.")
    name = text or str(route.serving[0])
    known_targets = dict.fromkeys(target for each in routes.values() for target in each.weights)
    scope = drill_run.Scope(name, select(name, known_targets), select(name, route.weights))
    if not scope.of_model:
        known = ", ".join(map(str, route.serving))
        raise IntermodalError(f"{name} gets no traffic of this model now.", hint=f"Choose one of {known}.")
    return scope


def active_drills(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """Runs of drills whose time is not over. Status alone is not enough: the run of a killed process stays started."""
    records = instance.get_run_records(dg.RunsFilter(statuses=RUNNING))
    return [record for record in records if DRILL_TAG in record.dagster_run.tags and _is_active(record)]


def _is_active(record: dg.RunRecord) -> bool:
    config = record.dagster_run.run_config
    ops = config.get("ops", {}) if isinstance(config, dict) else {}
    seconds = max((float(op.get("config", {}).get("seconds", 60)) for op in ops.values()), default=60.0)
    return time.time() < (record.start_time or created_at(record)) + seconds + GRACE_SECONDS


def has_earlier_drill(context: Context) -> bool:
    """Whether a drill that was requested earlier is active. Of two that begin at once, the later one does not start."""
    mine = context.instance.get_run_record_by_id(context.run_id)
    return mine is not None and any(record.storage_id < mine.storage_id for record in active_drills(context.instance))


def _numbers(result: DrillResult) -> dict[str, Any]:
    known = {name: value for name, value in dataclasses.asdict(result).items() if value is not None}
    return {**known, "started_at": dg.MetadataValue.timestamp(result.started_at)}


def _judged(result: DrillResult, spec: ModelSpec) -> dg.MaterializeResult[None]:
    passed, reasons = judge(result, spec.objectives)
    text = dg.MetadataValue.md(" ".join(reasons))
    return dg.MaterializeResult(
        metadata={**_numbers(result), "passed": passed, "reasons": text},
        check_results=[dg.AssetCheckResult(check_name=OBJECTIVES, passed=passed, metadata={"reasons": text})],
    )
