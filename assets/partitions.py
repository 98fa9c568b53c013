"""The partitions of a model's dataset and features as Dagster has them, and their order."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from intermodal.platform.spec import ModelSpec
from intermodal.platform.spec.cadences import CadenceName
from intermodal.platform.spec.partitions import Span

SCHEDULES: Mapping[CadenceName, Mapping[str, Any]] = {
    "hourly": {"minute_of_hour": 15},
    "daily": {"hour_of_day": 6},
    "weekly": {"day_of_week": 2},
    "monthly": {"day_of_month": 2},
}
"""When the rows of a partition that has ended are made: a while after it, since the last of them arrive late. They are
due later (``Cadence.due``)."""
MONDAY = 1


def definition(spec: ModelSpec) -> dg.PartitionsDefinition[str]:
    """Dynamic partitions are named like the model."""
    partitions = spec.data.partitions
    if partitions.static is not None:
        return dg.StaticPartitionsDefinition(partitions.static)
    return _of_time(partitions.span) if partitions.span else dg.DynamicPartitionsDefinition(name=spec.name)


def _of_time(span: Span) -> dg.TimeWindowPartitionsDefinition:
    end = None if span.last is None else span.cadence.shift(span.last, 1)
    match span.cadence.name:
        case "hourly":
            return dg.HourlyPartitionsDefinition(span.first, end_date=end)
        case "daily":
            return dg.DailyPartitionsDefinition(span.first, end_date=end)
        case "weekly":
            return dg.WeeklyPartitionsDefinition(span.first, end_date=end, day_offset=MONDAY)
        case "monthly":
            return dg.MonthlyPartitionsDefinition(span.first, end_date=end)


def added(instance: dg.DagsterInstance, spec: ModelSpec) -> Sequence[str]:
    """The keys of dynamic partitions in the order of adding; empty for other kinds."""
    return instance.get_dynamic_partitions(spec.name) if spec.data.partitions.dynamic else ()


def schedule(spec: ModelSpec, job: Any) -> list[Any]:
    """The schedule ``<cadence>_data_<model>``. Listed keys, and keys that are added, have none."""
    if not (cadence := spec.data.partitions.cadence):
        return []
    return [
        dg.build_schedule_from_partitioned_job(
            job,
            name=f"{cadence.name}_data_{spec.name}",
            **SCHEDULES[cadence.name],
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=f"Rows and features of {spec.name} for the {cadence.unit} that has ended.",
        )
    ]
