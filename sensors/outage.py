"""The outage sensor: sees which clouds cannot serve which models, and asks for failovers and recoveries."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.runs import EVENT_TAG
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports import Incidents
from intermodal.platform.ports.incidents import Incident, incident_id
from intermodal.platform.resilience.detection import Lane, Seen, Watch, WatchPolicy, look
from intermodal.platform.resilience.failover import Outage, opened
from intermodal.platform.resilience.failover_plan import contained, current_round, recovering, wanted
from intermodal.platform.spec import ModelSpec
from intermodal.platform.targets import TARGETS, Cloud, parse_target
from intermodal.sensors.toolkit.probes import asking, endpoint_votes, voted
from intermodal.sensors.toolkit.run_requests import Event, requests

SECONDS = 5
WATCH = "watch"
"""The resource that has the WatchPolicy."""
OPENED_AT_ONCE = 20
"""Incidents that one tick opens for failovers that must wait; the next one goes on."""


def outage(jobs: Sequence[Any]) -> dg.SensorDefinition:
    """``jobs`` are the ``failover_<model>`` and ``recover_<model>`` jobs of all models: what it may ask for."""

    @dg.sensor(
        name="outage",
        jobs=list(jobs) or None,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={
            *(ports.GATEWAY, ports.INCIDENTS, ports.DEPLOYMENT, WATCH),
            *(ports.target_key(target) for target in TARGETS),
        },
        description="A cloud that cannot serve a model starts a failover, one that can again a recovery.",
    )
    def _outage(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        specs = specs_of(cast(dg.RepositoryDefinition, context.repository_def))
        gateway, incidents = ports.gateway(context), ports.incidents(context)
        policy = cast(WatchPolicy, getattr(context.resources, WATCH).policy)
        try:
            health = gateway.health()
        except IntermodalError as error:
            # What cannot be seen is not down. The cursor stays, and with it what was seen before.
            return dg.SensorResult(
                skip_reason=f"The gateway does not answer, so nothing is known of the clouds: {error}",
                cursor=context.cursor,
            )
        now = time.time()
        known = {(one.model, one.cloud): one for one in incidents.all(open_only=True) if one.model in specs}
        serves = lanes_of(specs, health, known)
        places = {target.cloud: ports.place(context, target) for target in TARGETS}
        before = _remembered(context)
        answering = asking({cloud: places[cloud] for _, cloud in known})  # while the golden rows are on their way
        if "endpoint" in policy.watchers:
            votes = endpoint_votes(gateway, places, ports.deployment(context).environment, serves, before, now)
            serves = voted(policy, serves, votes)
        answers = answering()
        seen = look(
            before,
            policy,
            now,
            serves,
            handled={lane for lane, one in known.items() if not recovering(one)},
            answers={lane: answers[lane[1]] for lane in known},
        )
        events = events_of(specs, seen, known, incidents, now)
        asked = requests(context.instance, events, now)
        try:
            _write_down(incidents, _waiting(events, asked, known), now)
        except (IntermodalError, OSError) as error:  # what is asked for matters more; the next tick tries again
            context.log.error("an outage could not be written down: %s", error)
        damaged = [name for name in gateway.models() if name in specs and name not in health]
        reason = None if asked else _reason(seen, known, serves, damaged)
        return dg.SensorResult(run_requests=asked, skip_reason=reason, cursor=seen.watch.to_json())

    return _outage


def lanes_of(
    specs: Mapping[str, ModelSpec], health: Mapping[str, Mapping[Cloud, bool]], known: Mapping[Lane, Incident]
) -> dict[Lane, bool | None]:
    """What the gateway sees of each lane that ought to serve: not of a cold cloud that nobody asked to help."""
    away: dict[str, set[Cloud]] = {}
    for model, cloud in known:
        away.setdefault(model, set()).add(cloud)
    found: dict[Lane, bool | None] = {}
    for model, spec in specs.items():
        seen = health.get(model)
        if seen is None:
            continue
        counts = wanted(spec, away.get(model, ())) if model in away or spec.failover.cold else None
        for target in spec.serve:
            cloud = parse_target(target).cloud
            if cloud in seen and (counts is None or (model, cloud) in known or counts.get(cloud)):
                found[model, cloud] = seen[cloud]
    return found


def events_of(
    specs: Mapping[str, ModelSpec],
    seen: Seen,
    known: Mapping[Lane, Incident],
    incidents: Incidents,
    now: float,
) -> list[Event]:
    """What must be done. Recoveries come first: a cloud that is back helps more than any shifting among the others."""
    recoveries, failovers = [], []
    away: dict[str, set[Cloud]] = {}
    for model, cloud in known:
        away.setdefault(model, set()).add(cloud)
    for (model, cloud), onset in seen.down.items():
        if (model, cloud) not in known:
            id = incident_id(model, cloud, onset)
            old = incidents.get(id)
            if old is not None and not old.is_open:  # it failed again before anybody saw it serve
                id, onset = incident_id(model, cloud, now), now
            config = {"cloud": cloud, "onset": onset}
            failovers.append(Event("failover", model, cloud, id, 0, config))
    for (model, cloud), one in known.items():
        turn, config = current_round(one), {"cloud": cloud, "onset": one.opened_at}
        if (model, cloud) in seen.down:  # only when its recovery has begun: it is gone again
            failovers.append(Event("failover", model, cloud, one.id, turn + 1, config))
        elif (model, cloud) in seen.back:
            recoveries.append(Event("recover", model, cloud, one.id, turn))
        elif not recovering(one) and not contained(one, specs[model], away[model]):
            failovers.append(Event("failover", model, cloud, one.id, turn, config))
    return [*recoveries, *failovers]


def _waiting(events: Sequence[Event], asked: Sequence[dg.RunRequest], known: Mapping[Lane, Incident]) -> list[Event]:
    """New outages that get no run now: one of their model is at work, for half an hour if it must replace capacity."""
    ids = {request.tags[EVENT_TAG] for request in asked}
    return [
        event
        for event in events
        if event.verb == "failover" and event.id not in ids and (event.model, event.cloud) not in known
    ]


def _write_down(incidents: Incidents, events: Sequence[Event], now: float) -> None:
    """Open their incidents, so that nothing of them is lost and nobody deploys there; the failover finds them open."""
    for event in events[:OPENED_AT_ONCE]:
        opened(incidents, event.model, Outage(event.incident, event.cloud, event.config["onset"]), now)


def _remembered(context: dg.SensorEvaluationContext) -> Watch:
    if not context.cursor:
        return Watch()
    try:
        return Watch.from_json(context.cursor)
    except ValueError as error:
        context.log.warning("The cursor is unreadable (%s): watching starts afresh.", error)
        return Watch()


def _reason(
    seen: Seen, known: Mapping[Lane, Incident], serves: Mapping[Lane, bool | None], damaged: Sequence[str]
) -> str:
    parts = [f"Not watched, as the gateway's file of it is damaged: {', '.join(damaged[:10])}."] if damaged else []
    if suspects := sorted(f"{model} on {cloud}" for model, cloud in seen.watch.failing if (model, cloud) not in known):
        parts.append(f"Watched: {', '.join(suspects[:10])}.")
    if known:
        parts.append(f"Open: {', '.join(sorted(one.id for one in known.values())[:10])}.")
    return " ".join(parts) or f"All {len(serves)} lanes serve."
