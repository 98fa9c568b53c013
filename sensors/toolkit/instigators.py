"""What Dagster remembers of sensors and schedules: which should run, and when they last did."""

from collections.abc import Iterator, Mapping

import dagster as dg

from intermodal.assets.dagster_internals import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickStatus,
    schedule_execution_time_iterator,
)
from intermodal.platform.monitoring.sensor_health import NOTIFIED_FAILURES, Beat

BATCH = 250
ENDED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]


def beats(context: dg.SensorEvaluationContext) -> Iterator[Beat]:
    """Every sensor of this code location that was not stopped."""
    assert context.repository_def is not None
    states = _states(context, InstigatorType.SENSOR)
    for sensor in context.repository_def.sensor_defs:
        state = states.get(sensor.name)
        if not _should_run(state, sensor.default_status == dg.DefaultSensorStatus.RUNNING):
            continue
        data = state.instigator_data if state else None
        interval = float(sensor.minimum_interval_seconds or 30)
        if state is None or not isinstance(data, SensorInstigatorData):
            yield Beat(sensor.name, interval, None)
            continue
        times = (data.last_tick_timestamp, data.last_tick_start_timestamp, data.last_sensor_start_timestamp)
        # Dagster clears the time of the last success when a tick begins or fails: only then the ticks are read.
        failures = 0 if data.last_tick_success_timestamp else _failures(context.instance, state)
        yield Beat(sensor.name, interval, max((each for each in times if each), default=None), failures)


def missed(context: dg.SensorEvaluationContext, names: list[str], due: float) -> list[str]:
    """Those of the running schedules ``names`` that have no tick since ``due`` (Unix seconds), though they ran then."""
    states, found = _states(context, InstigatorType.SCHEDULE), list[str]()
    known = {states[name].selector_id: name for name in names if name in states}
    for start in range(0, len(known), BATCH):
        some = list(known)[start : start + BATCH]
        ticks = context.instance.get_batch_ticks(some, limit=1)  # SQLite and Postgres both can
        for selector in some:
            state = states[known[selector]]
            data = state.instigator_data
            began = data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None
            last = max((tick.timestamp for tick in ticks.get(selector, ())), default=0.0)
            if _should_run(state, True) and (began or 0.0) <= due and last < due:
                found.append(state.name)
    return found + [name for name in names if name not in states]


def running_schedules(repository: dg.RepositoryDefinition) -> dict[tuple[str, str], list[str]]:
    """The schedules that run unless they are stopped, by their cron expression and time zone."""
    found: dict[tuple[str, str], list[str]] = {}
    for schedule in repository.schedule_defs:
        if schedule.default_status == dg.DefaultScheduleStatus.RUNNING and isinstance(schedule.cron_schedule, str):
            found.setdefault((schedule.cron_schedule, schedule.execution_timezone or "UTC"), []).append(schedule.name)
    return found


def last_due(cron: str, zone: str, now: float) -> float:
    """When a schedule should last have ticked, Unix seconds."""
    return next(schedule_execution_time_iterator(now, cron, zone, ascending=False)).timestamp()


def _should_run(state: InstigatorState | None, by_default: bool) -> bool:
    """It was switched on by hand, or it was not switched at all and the code says so."""
    if state is None or state.status == InstigatorStatus.DECLARED_IN_CODE:
        return by_default
    return state.status != InstigatorStatus.STOPPED


def _failures(instance: dg.DagsterInstance, state: InstigatorState) -> int:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=NOTIFIED_FAILURES, statuses=ENDED)
    return next((n for n, tick in enumerate(ticks) if tick.status != TickStatus.FAILURE), len(ticks))


def location_of(context: dg.SensorEvaluationContext) -> str | None:
    """The name of this code location; None outside of a daemon, which then has just one."""
    return context.code_location_origin.location_name if context.code_location_origin else None


def _states(context: dg.SensorEvaluationContext, kind: InstigatorType) -> Mapping[str, InstigatorState]:
    """By name, those of this code location only."""
    here = location_of(context)
    return {
        state.name: state
        for state in context.instance.all_instigator_state(instigator_type=kind)
        if here in (None, state.selector.location_name)
    }
