"""Dead automation is noticed: sensors that stop ticking or fail, schedules that are not run, from within; and, by the
gauges that this pushes, from outside when nothing ticks any more.

Sensors have been reported to stop silently after a code reload (dagster#33656).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

import dagster as dg

from intermodal.assets import ports
from intermodal.assets.specs import specs_of
from intermodal.platform.errors import IntermodalError
from intermodal.platform.monitoring.sensor_health import Beat, SensorHealthState, Trouble, examine
from intermodal.platform.ports.notifications import Notice
from intermodal.sensors.toolkit.cursors import remembered, skip_reason
from intermodal.sensors.toolkit.gauges import Gauge, group_of, incidents, objectives, own_incidents
from intermodal.sensors.toolkit.instigators import beats, last_due, location_of, missed, running_schedules
from intermodal.sensors.toolkit.notifications import TickNotifier
from intermodal.sensors.toolkit.zombie_runs import fail_zombie_runs

INTERVAL_SECONDS = 30
LATE_SECONDS = 600.0
"""A schedule is looked at this long after it was due."""
OWNER = "team:platform"


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    required_resource_keys={ports.GAUGES, ports.INCIDENTS, ports.NOTIFICATIONS},
    description="Notifies people once when a sensor stops ticking or keeps failing, or a schedule is not run. Marks "
    "runs as failed whose machine was restarted under them. Pushes to Prometheus that sensors tick, and each model's "
    "objectives, budget and open incidents.",
)
def heartbeat(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    now = time.time()
    watch = (remembered(context, SensorHealthState.from_dict) or SensorHealthState()).resumed(now, INTERVAL_SECONDS)
    known = [_own(beat, now) for beat in beats(context)]
    watch, found = examine(watch, known, now)
    messages = list(watch.onsets)
    notifier = TickNotifier(context, heartbeat.name, messages)
    for name, trouble in found.items():
        notifier.deliver(_notice(name, trouble, watch.onsets[f"{name} is {trouble}"], location_of(context)))
    watch = _schedules(context, watch, now, notifier)
    messages += [f"run {run} was lost" for run in fail_zombie_runs(context.instance, now, location_of(context))]
    _push(context, known, messages)
    return dg.SensorResult(
        cursor=json.dumps(asdict(watch)), skip_reason=skip_reason(messages, f"{len(known)} sensors tick.")
    )


def _own(beat: Beat, now: float) -> Beat:
    """This sensor ticks now, whatever Dagster has stored of it."""
    return replace(beat, last=now, failures=0) if beat.name == heartbeat.name else beat


def _schedules(
    context: dg.SensorEvaluationContext, watch: SensorHealthState, now: float, notifier: TickNotifier
) -> SensorHealthState:
    """Each cron expression is looked at once after each of its times; the schedules that share it are one notice."""
    assert context.repository_def is not None
    due = dict(watch.due)
    for (cron, zone), names in running_schedules(context.repository_def).items():
        due_at, key = last_due(cron, zone, now - LATE_SECONDS), f"{cron} {zone}"
        if due_at <= due.get(key, 0.0):
            continue
        # What was due before we watched is not ours to judge: the whole daemon may have been down.
        late = missed(context, names, due_at) if due_at >= watch.since else []
        if not late or notifier.deliver(_missed(late, cron, due_at, location_of(context))):
            due[key] = due_at
    return replace(watch, due=due)


def _push(context: dg.SensorEvaluationContext, known: Sequence[Beat], messages: list[str]) -> None:
    assert context.repository_def is not None
    specs = specs_of(context.repository_def).values()
    ticks: list[Gauge] = [
        ("intermodal_heartbeat_timestamp_seconds", {"sensor": beat.name}, beat.last) for beat in known if beat.last
    ]
    ticks += [("intermodal_sensor_interval_seconds", {"sensor": beat.name}, beat.interval) for beat in known]
    try:
        gauges = ports.gauges(context)
        opened = own_incidents(context, specs, ports.incidents(context).all(open_only=True))
        gauges.push(group_of(context, "heartbeat"), ticks)
        gauges.push(group_of(context, "objectives"), objectives(specs))
        gauges.push(group_of(context, "incidents"), incidents(specs, opened))
    except IntermodalError as error:  # the next tick pushes again; Prometheus misses the heartbeat meanwhile
        messages.append(error.message)


def _notice(name: str, trouble: Trouble, onset: float, location: str | None) -> Notice:
    what = {"silent": "has stopped ticking", "failing": "fails at every tick"}[trouble]
    return Notice(
        severity="page",
        title=f"The sensor {name}{_of(location)} {what}",
        text=f"What {name} reacts to is not reacted to. Look at its last ticks in Dagster's UI, under Automation; "
        "switch it off and on again, or reload the code location.",
        owner=OWNER,
        key=_key("heartbeat", location, f"{name}-{trouble}-{int(onset)}"),
    )


def _missed(names: Sequence[str], cron: str, due: float, location: str | None) -> Notice:
    listed = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(due))
    late = f"{len(names)} schedules{_of(location)} were" if names[1:] else f"{names[0]} was"
    return Notice(
        severity="warning",
        title=f"{late} not run at {when}",
        text=f"Due by '{cron}': {listed}. Look at Automation in Dagster's UI, then start what is missing by hand.",
        owner=OWNER,
        key=_key("schedule", location, f"{cron}-{int(due)}"),
    )


def _of(location: str | None) -> str:
    return f" of {location}" if location else ""


def _key(kind: str, location: str | None, event: str) -> str:
    """Each code location has sensors of the same names, and schedules of the same times: their events are different."""
    return f"{kind}-{location}-{event}" if location else f"{kind}-{event}"
