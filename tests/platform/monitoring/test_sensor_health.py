"""Which silence is a sensor's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.monitoring.sensor_health import (
    NOTIFIED_FAILURES,
    Beat,
    SensorHealthState,
    allowed_silence,
    examine,
)

LONG = SensorHealthState(ticked_at=10_000, since=0)


@pytest.mark.parametrize(
    ("beat", "trouble"),
    [
        (Beat("a", 30, 9_990), None),
        (Beat("a", 30, 10_000 - allowed_silence(30)), None),
        (Beat("a", 30, 9_999 - allowed_silence(30)), "silent"),
        (Beat("slow", 3600, 9_999 - allowed_silence(30)), None),
        (Beat("a", 30, 9_990, failures=NOTIFIED_FAILURES - 1), None),
        (Beat("a", 30, 9_990, failures=NOTIFIED_FAILURES), "failing"),
        (Beat("new", 30, None), None),
    ],
)
def test_examine_finds_silent_and_failing_sensors(beat: Beat, trouble: str | None) -> None:
    assert examine(LONG, [beat], 10_000)[1].get(beat.name) == trouble


def test_examine_finds_a_sensor_that_never_ticks() -> None:
    watch, found = examine(LONG, [Beat("new", 30, None)], 10_000)
    assert not found
    assert examine(watch, [Beat("new", 30, None)], 10_001 + allowed_silence(30))[1] == {"new": "silent"}


def test_examine_after_a_gap_waits_before_it_finds() -> None:
    back = LONG.resumed(90_000, 30)
    assert examine(back, [Beat("a", 30, 9_990)], 90_000)[1] == {}
    later = back.resumed(90_030, 30)
    assert later.since == 90_000
    assert examine(later, [Beat("a", 30, 9_990)], 90_001 + allowed_silence(30))[1] == {"a": "silent"}


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5000)), max_size=40))
def test_examine_notifies_once_for_each_silence(steps: list[tuple[bool, float]]) -> None:
    """Whatever gaps there are: between two notices the sensor ticked."""
    watch, now, last, notified = SensorHealthState(), 1e6, 1e6, False
    for ticks, passed in steps:
        now += passed
        if ticks:
            last, notified = now, False
        watch = SensorHealthState.from_dict(vars(watch.resumed(now, 30)))
        watch, found = examine(watch, [Beat("a", 30, last)], now)
        if "a" in found and watch.told.get("a") != found["a"]:
            watch = SensorHealthState(
                watch.ticked_at, watch.since, watch.seen, {**watch.told, "a": found["a"]}, watch.due
            )
            assert not notified
            notified = True
