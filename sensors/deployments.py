"""A new champion, or a spec that says something else → ``deploy_<model>``, once for each (docs/adr/0027).

What is wanted is the registry's champion and the code versions of ``<model>/endpoint/<name>`` and ``<model>/route``,
which say what the spec states (docs/adr/0026). What is served is the gateway's route and the code versions with which
those assets were made last. Whether a training run or a person made the champion is no matter. A deployment that failed
is tried again once a failover or a recovery has moved the model's traffic since; else people are notified, once.
"""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.runs import MAX_RUN_RECORDS, created_at, failed_deployments, moved, moving
from intermodal.assets.specs import fingerprints_of, specs_of
from intermodal.platform.deployment.redeployment import (
    DeploymentState,
    PendingDeployment,
    RedeploymentDecision,
    decide,
    digest,
)
from intermodal.platform.deployment.rollout_run import holds_back, is_superseded
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.notifications import Notice
from intermodal.platform.ports.registry import Identity
from intermodal.platform.ports.rollouts import Rollout
from intermodal.platform.spec import ModelSpec
from intermodal.sensors.toolkit.champions import champions
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.jobs import JobDefinitions
from intermodal.sensors.toolkit.notifications import TickNotifier
from intermodal.sensors.toolkit.routes import Routes, read_rollouts, read_routes

NAME, DUE = "deployments", "intermodal/deployment"
"""``DUE`` is the tag of the runs requested here: ``<model> <version> <digest of the spec> <package digest>``.
Both digests have 12 characters."""
MAX_CHAMPIONS_AGE_SECONDS = 60.0
"""Two ticks: an older answer of the registry says nothing of now."""
REQUESTS_PER_TICK = 50
"""The others wait for the next tick."""


def deployments(jobs: JobDefinitions | None) -> dg.SensorDefinition:
    """``jobs`` are the ``deploy_<model>`` jobs of all models: what it may request."""

    @dg.sensor(
        name=NAME,
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={ports.REGISTRY, ports.GATEWAY, ports.NOTIFICATIONS, ports.ROLLOUTS},
        description="Deploys a new champion and what a changed spec says, once; notifies people when it failed.",
    )
    def _deployments(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(context)

    return _deployments


def _tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    assert context.repository_def is not None
    specs, now = specs_of(context.repository_def), time.time()
    try:
        busy, champion = moving(context.instance), champions(context, NAME, MAX_CHAMPIONS_AGE_SECONDS)
        routes = read_routes(ports.gateway(context))  # last: a run that ended meanwhile has left its route
        rolled = [name for name in champion if name in specs and specs[name].rollout is not None]
        rollouts, routes = read_rollouts(ports.rollouts(context), rolled, routes)
    except IntermodalError as error:
        return dg.SkipReason(f"Not known what is champion or what is served, so nothing is decided. {error}")
    seen = _seen(context, busy, champion, routes, rollouts)
    undecided = {name: f"{name}: {why}" for name, why in routes.unreadable.items() if name in specs}
    known = _known(context, seen)
    since = min((due.since for due in known.values()), default=now)
    failed = failed_deployments(context.instance, since) if known else {}
    traffic_moved = moved(context.instance, known, since) if known else {}
    requests, messages = list[dg.RunRequest](), list(undecided.values())
    kept: dict[str, Any] = {name: due.to_dict() for name, due in known.items() if name in undecided}
    notifier = TickNotifier(context, NAME, messages)
    for name, model in sorted(seen.items()):
        before = known.get(name)
        due, decision = decide(before, replace(model, failed=failed.get(name), moved=traffic_moved.get(name)), now)
        if decision.action == "deploy" and len(requests) == REQUESTS_PER_TICK:
            due, decision = before, RedeploymentDecision("wait", "the next tick deploys it")
        if due and decision.action == "deploy":
            tags = {"model": name, DUE: _tag(name, model), "dagster/priority": "1"}  # before the month's rows
            requests.append(dg.RunRequest(due.key(name), job_name=f"deploy_{name}", tags=tags))
        if due and decision.action == "ask people" and not notifier.deliver(_notice(specs[name], due, decision.reason)):
            due = before  # the next tick decides the same
        if decision.reason:
            messages.append(f"{name} {model.version}: {decision.reason}")
        if due:
            kept[name] = due.to_dict()
    return dg.SensorResult(
        run_requests=requests,
        cursor=json.dumps(kept),
        skip_reason=None if requests else skip_reason(messages, "Every champion is served, as its spec says."),
    )


def _seen(
    context: dg.SensorEvaluationContext,
    busy: Collection[str],
    champion: Mapping[str, Identity],
    routes: Routes,
    rollouts: Mapping[str, Rollout],
) -> dict[str, DeploymentState]:
    """Every model that has a champion, except those whose route cannot be read."""
    assert context.repository_def is not None
    known = champion.keys() - routes.unreadable.keys()
    stated = {name: each for name, each in fingerprints_of(context.repository_def).items() if name in known}
    made = context.instance.get_latest_materialization_code_versions([key for each in stated.values() for key in each])

    def is_served(name: str) -> bool:
        """Also while its rollout goes on, or after it was aborted: the sensor ``rollouts`` or a person goes on. Not
        while the rollout of another version goes on, which is champion no more and still has a share."""
        route, rollout = routes.found.get(name), rollouts.get(name)
        if is_superseded(rollout, route, champion[name]):
            return False
        return _routed(route.identity if route else None, champion[name]) or holds_back(rollout, route, champion[name])

    return {
        name: DeploymentState(
            version=champion[name].version,
            spec=digest({key.to_user_string(): version for key, version in each.items()}),
            served=is_served(name) and all(made[key] == each[key] for key in each),
            package=champion[name].digest[:12],
            busy=name in busy,
        )
        for name, each in stated.items()
    }


def _routed(route: Identity | None, champion: Identity) -> bool:
    """Compared by digest, so a number that was given twice is noticed. A route of an earlier release has none."""
    return route is not None and route.same_as(champion)


def _known(context: dg.SensorEvaluationContext, seen: Mapping[str, DeploymentState]) -> dict[str, PendingDeployment]:
    """What the cursor has; without a cursor, what the runs requested here say, so that none is requested again."""
    known = remembered(context, lambda data: {name: PendingDeployment.from_dict(each) for name, each in data.items()})
    wanted = [_tag(name, model) for name, model in seen.items() if not model.served]
    if known is not None or not wanted:
        return known or {}
    found: dict[str, PendingDeployment] = {}
    for record in context.instance.get_run_records(
        dg.RunsFilter(tags={DUE: wanted}), limit=MAX_RUN_RECORDS
    ):  # newest first
        name, version, spec, *package = record.dagster_run.tags[DUE].split(" ")
        if name not in found and record.dagster_run.status != dg.DagsterRunStatus.SUCCESS:
            requested = created_at(record)
            found[name] = PendingDeployment(
                version, spec, since=requested, requested=requested, package="".join(package)
            )
    return found


def _tag(name: str, seen: DeploymentState) -> str:
    return f"{name} {seen.version} {seen.spec} {seen.package}".rstrip()


def _notice(spec: ModelSpec, due: PendingDeployment, reason: str) -> Notice:
    return Notice(
        severity="warning",
        title=f"{spec.name} {due.version} is not deployed as it should be",
        text=f"Champion {due.version} of {spec.name}, or what its spec says now: {reason}. Once its cause is gone, run "
        f"deploy_{spec.name}.",
        owner=spec.owner,
        key=f"deployment-{due.key(spec.name)}",
    )
