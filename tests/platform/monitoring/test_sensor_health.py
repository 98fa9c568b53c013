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
def test_onset_of_a_silence_changes_only_after_a_tick(steps: list[tuple[bool, float]]) -> None:
    """Whatever gaps there are, one silence has one onset, so its notice has one key."""
    state, now, last, onset = SensorHealthState(), 1e6, 1e6, None
    for ticks, passed in steps:
        now += passed
        if ticks:
            last, onset = now, None
        resumed = SensorHealthState.from_dict(vars(state.resumed(now, 30)))
        if resumed.since != state.since:  # after a gap no sensor is to blame, and a silence begins anew
            onset = None
        state, found = examine(resumed, [Beat("a", 30, last)], now)
        if "a" in found:
            assert onset in (None, state.onsets["a is silent"])
            onset = state.onsets["a is silent"]
