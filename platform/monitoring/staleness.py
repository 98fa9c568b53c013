"""Stale data and stale champions: those that are older than they should be."""

from datetime import UTC, datetime

from intermodal.platform.spec import ModelSpec

DAY_SECONDS = 24 * 3600.0


def data_until(spec: ModelSpec, newest: str) -> float | None:
    """The end of a partition, Unix seconds. None if it is none of time."""
    cadence = spec.data.partitions.cadence
    return cadence.end(newest).timestamp() if cadence and newest else None


def stale_after_seconds(spec: ModelSpec) -> float | None:
    """Allowed age of data since the end of its newest partition. None if they do not grow with time."""
    cadence = spec.data.partitions.grows
    return cadence.stale_after.total_seconds() if cadence else None


def due_partition(spec: ModelSpec, now: float) -> str:
    """The newest partition whose rows are due. '' for a model whose partitions do not grow with time, since it gets no
    more rows, or gets them at no known time."""
    span, cadence = spec.data.partitions.span, spec.data.partitions.grows
    if span is None or cadence is None:
        return ""
    due = cadence.shift(cadence.key_at(datetime.fromtimestamp(now, UTC) - cadence.due), -1)
    return due if due >= span.first else ""


def late_data(spec: ModelSpec, newest: str, now: float, waiting: str = "") -> str:
    """Why the data is stale; '' if it is not. Without any rows (``newest`` is '') the model is new, not stale.
    ``waiting`` is the newest key of dynamic partitions if it has no rows."""
    partitions, due = spec.data.partitions, due_partition(spec, now)
    if not newest:
        return ""
    if waiting:
        return f"the partition {waiting} was added and has no rows, the newest are of {newest}"
    names = partitions.name_of(due), partitions.name_of(newest)
    return "rows of {} were due, the newest are of {}".format(*names) if newest < due else ""


def old_champion(spec: ModelSpec, version: str, registered_at: float | None, now: float) -> str:
    """Why the champion is stale; '' if it is not, or if its age is unknown."""
    if spec.stale_after_days is None or registered_at is None:
        return ""
    days = (now - registered_at) / DAY_SECONDS
    return f"{version} is {days:.0f} days old, the spec allows {spec.stale_after_days}" * (days > spec.stale_after_days)
