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

LONG = SensorHealthState(at=10_000, since=0)


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
def test_what_is_wrong(beat: Beat, trouble: str | None) -> None:
    assert examine(LONG, [beat], 10_000)[1].get(beat.name) == trouble


def test_one_that_never_ticks_is_found_after_a_while() -> None:
    watch, found = examine(LONG, [Beat("new", 30, None)], 10_000)
    assert not found
    assert examine(watch, [Beat("new", 30, None)], 10_001 + allowed_silence(30))[1] == {"new": "silent"}


def test_after_the_daemon_was_down_nobody_is_blamed_at_once() -> None:
    back = LONG.resumed(90_000, 30)
    assert examine(back, [Beat("a", 30, 9_990)], 90_000)[1] == {}
    later = back.resumed(90_030, 30)
    assert later.since == 90_000
    assert examine(later, [Beat("a", 30, 9_990)], 90_001 + allowed_silence(30))[1] == {"a": "silent"}


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5000)), max_size=40))
def test_told_once_for_each_silence(steps: list[tuple[bool, float]]) -> None:
    """Whatever gaps there are: between two times that people are told, the sensor ticked."""
    watch, now, last, told = SensorHealthState(), 1e6, 1e6, False
    for ticks, passed in steps:
        now += passed
        if ticks:
            last, told = now, False
        watch = SensorHealthState.from_dict(vars(watch.resumed(now, 30)))
        watch, found = examine(watch, [Beat("a", 30, last)], now)
        if "a" in found and watch.told.get("a") != found["a"]:
            watch = SensorHealthState(
                watch.ticked_at, watch.since, watch.seen, {**watch.told, "a": found["a"]}, watch.due
            )
            assert not told
            told = True
