"""The outage sensor: sees which targets cannot serve which models, and requests failovers and recoveries."""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Incidents
from intermodal.platform.ports.incidents import Incident, incident_id
from intermodal.platform.resilience.damping import damped, failures_within
from intermodal.platform.resilience.detection import Detection, DetectionPolicy, UpstreamKey, look
from intermodal.platform.resilience.failover_plan import contained, current_round, desired_replicas, recovering
from intermodal.platform.resilience.trouble import withhold
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import Target
from intermodal.sensors.toolkit import self_probe
from intermodal.sensors.toolkit.adapters import Adapters, adapters_of
from intermodal.sensors.toolkit.correlated import Watch, follow_and_notify, judged
from intermodal.sensors.toolkit.openings import open_incidents, outages_to_open, without
from intermodal.sensors.toolkit.probes import ask_apis, endpoint_votes, voted
from intermodal.sensors.toolkit.run_requests import Event, plan_runs

log = logging.getLogger(__name__)
INTERVAL_SECONDS = 5
WATCH = "watch"
"""The resource that has the DetectionPolicy."""
LISTED = 10
"""Names in one sentence of a tick."""


def outage(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """``jobs`` are the ``failover_<model>`` and ``recover_<model>`` jobs of all models: what it may request."""

    @dg.sensor(
        name="outage",
        jobs=list(jobs) or None,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={
            ports.GATEWAY,
            ports.INCIDENTS,
            ports.DEPLOYMENT,
            ports.TARGETS,
            ports.NOTIFICATIONS,
            WATCH,
        },
        description="A target that cannot serve a model starts a failover, one that can again a recovery.",
    )
    def _outage(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        specs = specs_of(cast(dg.RepositoryDefinition, context.repository_def))
        gateway, incidents = ports.gateway(context), ports.incidents(context)
        policy = cast(DetectionPolicy, getattr(context.resources, WATCH).policy)
        try:
            health, view = self_probe.measured(gateway.health)
        except IntermodalError as error:
            # What cannot be seen is not down. The cursor stays, and with it what was seen before.
            return dg.SensorResult(
                skip_reason=f"The gateway does not answer, so nothing is known of the targets: {error}",
                cursor=context.cursor,
            )
        now = time.time()
        known = {(each.model, each.target): each for each in incidents.all(open_only=True) if each.model in specs}
        serves = upstreams_of(specs, health, known)
        probing = "endpoint" in policy.watchers
        named = [(model, target) for model, target in known if target in specs[model].targets]
        adapters = adapters_of(context, [target for _, target in (*named, *(serves if probing else ()))])
        watch = Watch.remembered(context, now)
        before = watch.state
        apis = ask_apis({target: adapters.found[target] for _, target in named if target in adapters.found})
        if probing:  # while the APIs are called
            environment = ports.deployment(context).environment
            votes = endpoint_votes(gateway, adapters.found, environment, serves, before, now)
            serves = voted(policy, serves, votes)
        answers = _answers(specs, known, apis())
        finding = judged(context, view, serves, known, watch.trouble, now)
        blind = finding is not None and finding.kind == "blindness"
        seen = look(
            before,
            policy,
            now,
            dict.fromkeys(serves) if blind else serves,
            handled={key for key, incident in known.items() if not recovering(incident)},
            answers={} if blind else answers,
        )
        watch, messages = follow_and_notify(context, watch, finding, policy, now)
        seen = damped(withhold(seen, watch.trouble, finding), policy, now, _failures(incidents, seen.back, now))
        events = [] if blind else events_of(specs, seen, known, incidents, now)
        planned = plan_runs(context.instance, events, specs, now)
        try:
            opening = outages_to_open(events, planned, known)
            planned = without(planned, opening, open_incidents(incidents, opening, now))
        except (IntermodalError, OSError) as error:  # the requests matter more; the next tick tries again
            context.log.error("an outage could not be written down: %s", error)
        damaged = [name for name in gateway.models() if name in specs and name not in health]
        reason = " ".join([*messages, _reason(seen, known, serves, damaged, adapters)])
        cursor = watch.to_json(seen.watch)
        return dg.SensorResult(run_requests=planned, skip_reason=None if planned else reason, cursor=cursor)

    return _outage


def upstreams_of(
    specs: Mapping[str, ModelSpec],
    health: Mapping[str, Mapping[Target, bool]],
    known: Mapping[UpstreamKey, Incident],
) -> dict[UpstreamKey, bool | None]:
    """What the gateway sees of each upstream that ought to serve: not of a cold target that no failover needs."""
    unavailable = _unavailable(known)
    found: dict[UpstreamKey, bool | None] = {}
    for model, spec in specs.items():
        seen = health.get(model)
        if seen is None:
            continue
        replicas = None
        if model in unavailable or spec.failover.cold:
            replicas = desired_replicas(spec, unavailable.get(model, ()))
        for target in spec.targets:
            if target in seen and (replicas is None or (model, target) in known or replicas.get(target)):
                found[model, target] = seen[target]
    return found


def events_of(
    specs: Mapping[str, ModelSpec],
    seen: Detection,
    known: Mapping[UpstreamKey, Incident],
    incidents: Incidents,
    now: float,
) -> list[Event]:
    """What must be done. Recoveries come first: a target that is back helps more than any shifting among the others."""
    recoveries, failovers = [], []
    unavailable = _unavailable(known)
    for (model, target), onset in seen.down.items():
        if (model, target) not in known:
            id = incident_id(model, target, onset)
            if _is_used_up(incidents, id):
                id, onset = incident_id(model, target, now), now
            failovers.append(Event("failover", model, target, id, 0, _config(target, onset)))
    for (model, target), incident in known.items():
        number, config = current_round(incident), _config(target, incident.opened_at)
        if (model, target) in seen.down:  # only when its recovery has begun: it failed again
            failovers.append(Event("failover", model, target, incident.id, number + 1, config))
        elif (model, target) in seen.back:
            recoveries.append(Event("recover", model, target, incident.id, number))
        elif not recovering(incident) and not contained(incident, specs[model], unavailable[model]):
            failovers.append(Event("failover", model, target, incident.id, number, config))
    return [*recoveries, *failovers]


def _is_used_up(incidents: Incidents, id: str) -> bool:
    """Whether the outage needs another incident: this one is closed, since the target failed again before it was seen
    to serve, or its document is damaged."""
    try:
        known = incidents.get(id)
    except IntermodalError as error:
        log.error("%s", error)
        return True
    return known is not None and not known.is_open


def _config(target: Target, onset: float) -> dict[str, Any]:
    """Of a failover's op, beside the incident."""
    return {"target": str(target), "onset": onset}


def _unavailable(known: Mapping[UpstreamKey, Incident]) -> dict[str, set[Target]]:
    """The targets with an open incident, by model."""
    found: dict[str, set[Target]] = {}
    for model, target in known:
        found.setdefault(model, set()).add(target)
    return found


def _answers(
    specs: Mapping[str, ModelSpec], known: Mapping[UpstreamKey, Incident], apis: Mapping[Target, bool]
) -> dict[UpstreamKey, bool]:
    """Whether the API of each target with an incident answers; not of one that is unknown, which is not seen to be
    back. One that the spec does not name any more may never answer again, and need not: its recovery only takes it out
    of the route."""
    left = {(model, target): True for model, target in known if target not in specs[model].targets}
    return {**{key: apis[key[1]] for key in known if key[1] in apis}, **left}


def _failures(incidents: Incidents, keys: Collection[UpstreamKey], now: float) -> dict[UpstreamKey, int]:
    """How often each of these upstreams failed lately; their models' closed incidents are read for that alone."""
    known = {model: incidents.all(model) for model in {model for model, _ in keys}}
    return {key: failures_within(known[key[0]], key[1], now) for key in keys}


def _reason(
    seen: Detection,
    known: Mapping[UpstreamKey, Incident],
    serves: Mapping[UpstreamKey, bool | None],
    damaged: Sequence[str],
    adapters: Adapters,
) -> str:
    parts = []
    if damaged:
        parts.append(f"Not watched, as the gateway's file of it is damaged: {', '.join(damaged[:LISTED])}.")
    if unknown := adapters.messages():
        parts.append(f"{'; '.join(unknown[:LISTED]).removesuffix('.')}.")
    if suspects := sorted(f"{model} on {target}" for model, target in set(seen.watch.failing) - set(known)):
        parts.append(f"Watched: {', '.join(suspects[:LISTED])}.")
    if known:
        parts.append(f"Open: {', '.join(sorted(incident.id for incident in known.values())[:LISTED])}.")
    return " ".join(parts) or f"All {len(serves)} upstreams serve."
