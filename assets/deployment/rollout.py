"""``<model>/rollout``: a new version's way to all traffic, one materialization for each decision, with its evidence."""

import time
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.deployment.endpoint import golden_of
from intermodal.assets.deployment.incident_gate import unavailable_targets
from intermodal.assets.failover_context import REQUIRED_RESOURCES, failover_context
from intermodal.assets.keys import Context, attributes, endpoint_key, key, with_cached_signature
from intermodal.assets.scoped_job import model_scoped_job
from intermodal.platform.deployment.rollout import RolloutDecision, last_closed
from intermodal.platform.deployment.rollout_page import evidence, history
from intermodal.platform.deployment.rollout_run import RolloutRun, reason_for_none
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.ports.rollouts import Rollout
from intermodal.platform.registry.champion import champion_of
from intermodal.platform.resilience.champion_route import champion_route
from intermodal.platform.spec import ModelSpec
from intermodal.platform.spec.rollout import RolloutPolicy


class RolloutConfig(dg.Config):
    """``retry``: begin again with a version whose rollout was aborted."""

    retry: bool = False


def rollout(spec: ModelSpec, policy: RolloutPolicy) -> dg.AssetsDefinition:
    @dg.asset(
        **attributes(
            spec,
            "rollout",
            kinds={"envoy"},
            description="How far a new version has come on its way to all requests, and the evidence for each step.",
        ),
        deps=[endpoint_key(spec, target) for target in spec.targets],
        required_resource_keys={ports.REGISTRY, ports.ROLLOUTS, *REQUIRED_RESOURCES},
    )
    @with_cached_signature
    def _rollout(context: Context, config: RolloutConfig) -> dg.MaterializeResult[None]:
        champion, gateway = champion_of(ports.registry(context), spec.name), ports.gateway(context)
        old, signature = gateway.route(spec.name), champion.candidate.record.signature
        reason = reason_for_none(old, champion.identity, signature.metadata(spec.name, champion.version))
        recovered = last_closed(ports.incidents(context).all(spec.name))
        unavailable = unavailable_targets(context, spec)
        run = RolloutRun(gateway, ports.rollouts(context), policy, unavailable, time.time(), recovered)
        if old is None or reason:
            run.end_superseded(spec.name, old, reason)
            return dg.MaterializeResult(metadata={"state": f"no rollout: {reason}", "version": champion.version})

        def new_route() -> tuple[Route, list[Upstream]]:
            golden = golden_of(ports.registry(context), champion.candidate)
            return champion_route(failover_context(context, spec.targets), spec, champion, golden)

        current, decision = run.advance(old, champion.identity, new_route, config.retry)
        if not current.is_open:
            _notify(context, spec, current)
        return dg.MaterializeResult(
            metadata={**_metadata(current, decision), "history": dg.MetadataValue.md(history(current))},
            data_version=dg.DataVersion(f"{current.new.version}-{current.phase}-{current.step}"),
        )

    return _rollout


def _metadata(rollout: Rollout, decision: RolloutDecision | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "state": rollout.phase,
        "version": rollout.new.version,
        "before": rollout.old.version,
        "share_percent": rollout.share,
    }
    if decision is None:
        return found
    numbers = {f"new_{each.name}_share": each.new for each in decision.findings if each.new is not None}
    numbers |= {f"old_{each.name}_share": each.old for each in decision.findings if each.old is not None}
    text = {"decision": f"{decision.action}: {decision.reason}", "evidence": dg.MetadataValue.md(evidence(decision))}
    return {**found, **text, **numbers}


def _notify(context: Context, spec: ModelSpec, rollout: Rollout) -> None:
    """Once for each end. A notice that cannot be delivered stops nothing: the asset says the same."""
    aborted = rollout.phase == "aborted"
    notice = Notice(
        severity="warning" if aborted else "info",
        title=f"The rollout of {spec.name} {rollout.new.version} was {rollout.phase}",
        text=f"{rollout.entries[-1].text}."
        + (f" Try it again: intermodal rollout retry {spec.name}." if aborted else ""),
        owner=spec.owner,
        key=f"rollout-{spec.name}-{rollout.new.version}-{rollout.phase}-{int(rollout.since)}",
    )
    try:
        ports.notifications(context).notify(notice)
    except IntermodalError as error:
        context.log.error("the notification failed: %s", error)


def rollout_job(spec: ModelSpec) -> Any:
    """``rollout_<model>``: one decision, and the route when it is a promotion."""
    return model_scoped_job(
        f"rollout_{spec.name}",
        spec.name,
        selection=dg.AssetSelection.assets(key(spec, "rollout"), key(spec, "route")),
        description=f"Decides about the rollout of {spec.name} by what its new version answered.",
        tags={"model": spec.name},
    )
