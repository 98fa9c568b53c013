"""A rollout that can go on, or must end → ``rollout_<model>``, which decides by the same figures and acts."""

import time

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.runs import busy_models
from intermodal.assets.specs import specs_of
from intermodal.platform.deployment.rollout import by_version, decide, last_closed
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.rollouts import Rollout
from intermodal.platform.spec.rollout import RolloutPolicy
from intermodal.sensors.toolkit.cursors import skip_reason
from intermodal.sensors.toolkit.jobs import JobDefinitions

NAME = "rollouts"
RETRY_SECONDS = 300
"""A run that failed is requested again after so long at most."""


def rollouts(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``rollout_<model>`` jobs of all models."""

    @dg.sensor(
        name=NAME,
        jobs=jobs,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={ports.GATEWAY, ports.INCIDENTS, ports.ROLLOUTS},
        description="Moves a rollout to its next step, promotes it or aborts it, by what the new version answered.",
    )
    def _rollouts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        assert context.repository_def is not None
        policies = {name: spec.rollout for name, spec in specs_of(context.repository_def).items() if spec.rollout}
        messages, requests = list[str](), list[dg.RunRequest]()
        try:
            known = [name for name in ports.rollouts(context).models() if name in policies] if policies else []
        except IntermodalError as error:
            return dg.SkipReason(str(error))
        busy = busy_models(context.instance) if known else ()
        for model in known:
            try:
                found = None if model in busy else _action(context, model, policies[model], messages)
            except IntermodalError as error:
                messages.append(f"{model}: {error}")
                continue
            if found is not None:
                rollout, action = found
                key = f"{model}-{rollout.new.version}-{int(rollout.since)}-{action}-{int(time.time()) // RETRY_SECONDS}"
                requests.append(dg.RunRequest(f"rollout-{key}", job_name=f"rollout_{model}", tags={"model": model}))
        return dg.SensorResult(
            run_requests=requests, skip_reason=None if requests else skip_reason(messages, "No rollout can go on now.")
        )

    return _rollouts


def _action(
    context: dg.SensorEvaluationContext, model: str, policy: RolloutPolicy, messages: list[str]
) -> tuple[Rollout, str] | None:
    """What a run should do now; None for nothing."""
    gateway, rollout = ports.gateway(context), ports.rollouts(context).get(model)
    route, canary = gateway.route(model), gateway.canary(model)
    if rollout is None or route is None or not rollout.old.same_as(route.identity):
        return None
    split = canary is not None and canary.route.identity.same_as(rollout.new)
    if rollout.phase == "aborted":
        return (rollout, "clean up") if split else None
    if not rollout.is_open:
        return None  # promoted: the sensor ``deployments`` sees to its route
    if not split or (canary is not None and canary.share != rollout.share):
        return rollout, "carry out"
    incidents = ports.incidents(context).all(model)
    unavailable = {incident.target for incident in incidents if incident.is_open}
    tries, recovered = by_version(gateway.tries(model)), last_closed(incidents)
    decision = decide(rollout, policy, tries, unavailable, time.time(), recovered)
    messages.append(f"{model} {rollout.new.version}, {rollout.share} %: {decision.action}, {decision.reason}")
    return None if decision.action == "hold" else (rollout, decision.action)
