"""A person sets the alias ``champion`` in the registry → ``deploy_<model>``, once for each promotion.

What a training run promotes is deployed by the automation (sensors/deployments.py), which sees the new materialization
of ``<model>/version``. Nothing tells the two apart in the registry, so this sensor waits until the champion has not
been what the gateway serves for a while in which no run of the model was in progress (platform/promotions.py). A
deployment that failed, whoever started it after the promotion, is not tried again: people are told once.
"""

import json
import time
from collections.abc import Mapping

import dagster as dg

from intermodal.assets import resources
from intermodal.assets.runs import LIMIT, busy_models, created_at, failed_deployments
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.notices import Notice
from intermodal.platform.promotions import Promotion, Seen, decide
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.cursors import remembered, said
from intermodal.sensors.targets import JobDefinitions, jobs_of

PROMOTION = "intermodal/promotion"
"""Tag of the runs asked for here: ``<model> <version>``."""
DEPLOY = "deploy"
AT_ONCE = 50
"""Runs asked for in one tick; the others wait for the next."""


def champions(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` has the ``deploy_<model>`` jobs of all models, which are what it may ask for; others do no harm."""

    @dg.sensor(
        name="champions",
        jobs=jobs_of(jobs or (), DEPLOY),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resources.REGISTRY, resources.GATEWAY, resources.NOTIFIER},
        description="Deploys a version that a person made champion in the registry, once; tells people when it failed.",
    )
    def _champions(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(context)

    return _champions


def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    assert context.repository_def is not None
    specs, now = specs_of(context.repository_def), time.time()
    try:
        served = _routed(context)
        champion = {name: version for name, version in resources.registry(context).champions().items() if name in specs}
    except IntermodalError as error:
        return dg.SkipReason(f"Not known what is champion or what is served, so nothing is decided. {error}")
    waiting = {name: version for name, version in champion.items() if version != served.get(name, "")}
    known = _known(context, waiting)
    busy = busy_models(context.instance) if waiting else set()
    since = min((known[name].since for name in waiting if name in known), default=now)
    failed = failed_deployments(context.instance, since) if waiting else {}
    kept: dict[str, Promotion] = {}
    requests, words = list[dg.RunRequest](), list[str]()
    for name, version in sorted(waiting.items()):
        before = known.get(name)
        fell = before is not None and before.version == version and failed.get(name, 0.0) >= before.since
        after, decision = decide(before, Seen(version, served.get(name, ""), name in busy, fell), now)
        if decision.action == "deploy" and len(requests) == AT_ONCE:
            words.append(f"{name} {version}: the next tick deploys it")
            after = before
        elif decision.action == "deploy" and after is not None:
            tags = {"model": name, PROMOTION: f"{name} {version}"}
            requests.append(dg.RunRequest(after.key(name), job_name=f"{DEPLOY}_{name}", tags=tags))
        else:
            words.append(f"{name} {version}: {decision.reason}")
        if decision.action == "ask people":
            try:
                resources.notifier(context).tell(_question(specs[name], version, decision.reason))
            except IntermodalError as error:  # the next tick tries again
                words.append(error.message)
                after = before
        if after is not None:
            kept[name] = after
    return dg.SensorResult(
        run_requests=requests,
        cursor=json.dumps({name: promotion.to_dict() for name, promotion in kept.items()}),
        skip_reason=None if requests else said(words, "Every champion is served."),
    )


def _routed(context: dg.SensorEvaluationContext) -> dict[str, str]:
    gateway = resources.gateway(context)
    routes = (gateway.route(model) for model in gateway.models())
    return {route.model: route.version for route in routes if route is not None}


def _known(context: dg.SensorEvaluationContext, waiting: Mapping[str, str]) -> dict[str, Promotion]:
    """What the cursor has; without a cursor, what the runs asked for here say, so that none is asked for again."""
    known = remembered(context, lambda data: {name: Promotion.from_dict(each) for name, each in data.items()})
    if known is not None or not waiting:
        return known or {}
    found: dict[str, Promotion] = {}
    asked = dg.RunsFilter(tags={PROMOTION: [f"{name} {version}" for name, version in waiting.items()]})
    for record in context.instance.get_run_records(asked, limit=LIMIT):  # newest first
        name, version = record.dagster_run.tags[PROMOTION].split(" ")
        if name not in found and record.dagster_run.status != dg.DagsterRunStatus.SUCCESS:
            at = created_at(record)
            found[name] = Promotion(version, since=at, quiet=at, asked=at)
    return found


def _question(spec: ModelSpec, version: str, reason: str) -> Notice:
    return Notice(
        severity="warning",
        title=f"{spec.name} {version} was promoted and is not served",
        text=f"Champion {version} of {spec.name}: {reason}. Look at the runs with the tag model={spec.name}, then run "
        f"deploy_{spec.name}, or make the version that is served champion again.",
        owner=spec.owner,
        key=f"promotion-{spec.name}-{version}",
    )
