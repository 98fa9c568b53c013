"""What counts as old."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.monitoring.staleness import (
    DAY_SECONDS,
    data_until,
    due_partition,
    late_data,
    old_champion,
    stale_after_seconds,
)
from intermodal.platform.spec import ModelSpec
from tests.sensors.support import spec

OPEN = spec("m")
ENDED = spec("m", data={"function": "data.rows", "partitions": {"monthly": {"start": "2024-01", "end": "2024-06"}}})


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-11-02T23:59", "2026-09-01"),
        ("2026-11-03T00:00", "2026-10-01"),
        ("2026-11-30T12:00", "2026-10-01"),
        ("2026-01-05T00:00", "2025-12-01"),
        ("2024-03-03T00:00", "2024-02-01"),
        ("2024-01-20T00:00", ""),  # before the model's first month ended
    ],
)
def test_due_month_follows_the_schedule(now: str, month: str) -> None:
    assert due_partition(OPEN, moment(now)) == month


def test_late_data_names_the_missing_month() -> None:
    assert late_data(OPEN, "2026-10-01", moment("2026-11-20T00:00")) == ""
    assert (
        late_data(OPEN, "2026-09-01", moment("2026-11-20T00:00"))
        == "rows of 2026-10 were due, the newest are of 2026-09"
    )
    assert late_data(OPEN, "", moment("2026-11-20T00:00")) == ""
    assert late_data(ENDED, "2024-03-01", moment("2026-11-20T00:00")) == ""


DAILY, WEEKLY, HOURLY = (
    spec("m", data={"function": "data.rows", "partitions": {kind: {"start": start}}})
    for kind, start in (("daily", "2024-01-01"), ("weekly", "2024-01-01"), ("hourly", "2024-01-01-00:00"))
)
DYNAMIC = spec("m", data={"function": "data.rows", "partitions": {"dynamic": True}})


@pytest.mark.parametrize(
    ("model", "now", "due"),
    [
        (DAILY, "2024-03-01T11:59", "2024-02-28"),
        (DAILY, "2024-03-01T12:00", "2024-02-29"),
        (WEEKLY, "2024-03-12T23:59", "2024-02-26"),
        (WEEKLY, "2024-03-13T00:00", "2024-03-04"),
        (HOURLY, "2024-03-01T00:59", "2024-02-29-22:00"),
        (HOURLY, "2024-03-01T01:00", "2024-02-29-23:00"),
        (DYNAMIC, "2024-03-01T01:00", ""),
    ],
)
def test_due_partition_follows_the_cadence(model: ModelSpec, now: str, due: str) -> None:
    assert due_partition(model, moment(now)) == due


def test_late_data_of_dynamic_partitions_names_the_one_without_rows() -> None:
    assert late_data(DYNAMIC, "a", moment("2026-11-20T00:00")) == ""
    assert late_data(DYNAMIC, "", 0.0, "b") == ""
    assert late_data(DYNAMIC, "a", 0.0, "b") == "the partition b was added and has no rows, the newest are of a"
    assert data_until(DYNAMIC, "a") is stale_after_seconds(DYNAMIC) is None


@given(st.datetimes(datetime(2024, 3, 1), datetime(2060, 1, 1)), st.sampled_from([OPEN, WEEKLY, DAILY, HOURLY]))
def test_late_data_agrees_with_the_alert(now: datetime, model: ModelSpec) -> None:
    """Prometheus must not call data stale that is in time, which leaves it a few days in short months."""
    moment = now.replace(tzinfo=UTC).timestamp()
    until, allowed = data_until(model, due_partition(model, moment)), stale_after_seconds(model)
    assert until is not None
    assert allowed is not None
    assert 0 < moment - until <= allowed


def test_old_champion_names_its_age() -> None:
    limited = spec("m", stale_after_days=60)
    assert old_champion(limited, "1.0.0", 0, 60 * DAY_SECONDS) == ""
    assert old_champion(limited, "1.0.0", 0, 61 * DAY_SECONDS) == "1.0.0 is 61 days old, the spec allows 60"
    assert old_champion(limited, "1.0.0", None, 61 * DAY_SECONDS) == ""
    assert old_champion(OPEN, "1.0.0", 0, 9999 * DAY_SECONDS) == ""
