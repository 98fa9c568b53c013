"""Stale data and stale champions: those that are older than they should be."""

from datetime import UTC, datetime, timedelta

from intermodal.platform.spec import ModelSpec

DUE_DAY = 3
"""Day of the next month on which a month's rows are due. The schedule makes them on the second (assets/jobs.py)."""
STALE_AFTER_SECONDS = (31 + DUE_DAY) * 24 * 3600.0
"""Allowed age of data since the end of its newest month: the longest month plus the days until rows are due."""
DAY_SECONDS = 24 * 3600.0


def data_until(month: str) -> float:
    """The end of a month ``2013-01-01``, Unix seconds."""
    first = datetime.strptime(month, "%Y-%m-%d").replace(tzinfo=UTC)
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1).timestamp()


def due_month(spec: ModelSpec, now: float) -> str:
    """The newest month whose rows are due. '' for a model whose months have an end, since it gets no more rows."""
    if spec.data.partitions.monthly.end is not None:
        return ""
    latest = datetime.fromtimestamp(now, UTC) - timedelta(days=DUE_DAY - 1)
    month = (latest.replace(day=1) - timedelta(days=1)).strftime("%Y-%m-01")
    return month if month >= f"{spec.data.partitions.monthly.start}-01" else ""


def late_data(spec: ModelSpec, newest: str, now: float) -> str:
    """Why the data is stale; '' if it is not. Without any rows (``newest`` is '') the model is new, not stale."""
    due = due_month(spec, now)
    return f"rows of {due[:7]} were due, the newest are of {newest[:7]}" if newest and newest < due else ""


def old_champion(spec: ModelSpec, version: str, registered_at: float | None, now: float) -> str:
    """Why the champion is stale; '' if it is not, or if its age is unknown."""
    if spec.stale_after_days is None or registered_at is None:
        return ""
    days = (now - registered_at) / DAY_SECONDS
    return f"{version} is {days:.0f} days old, the spec allows {spec.stale_after_days}" * (days > spec.stale_after_days)
