"""Hysteresis: when a lane is down, and when it is back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.resilience.detection import Lane, Seen, Streak, Watch, WatchPolicy, agreed, look

LANE: Lane = ("m", "aws")
POLICY = WatchPolicy()


def looks(*observations: bool | None, seconds: float = 5) -> Seen:
    seen = Seen(Watch(), {}, frozenset())
    for number, ok in enumerate(observations):
        seen = look(seen.watch, POLICY, 100 + number * seconds, {LANE: ok})
    return seen


def test_one_failed_look_is_not_an_outage() -> None:
    assert not looks(False).down
    assert not looks(False, True, False).down


def test_two_failed_looks_are_with_the_onset_of_the_first() -> None:
    assert looks(True, False, False).down == {LANE: 105}
    assert looks(True, False, False, False, False).down == {LANE: 105}


def test_two_looks_at_once_are_too_soon() -> None:
    assert not looks(False, False, False, seconds=1).down
    assert looks(False, False, False, False, False, seconds=1).down


def test_not_having_looked_changes_nothing() -> None:
    assert looks(False, None, False).down == {LANE: 100}
    assert not looks(None, None, None).down


def test_a_lane_that_is_no_longer_watched_is_forgotten() -> None:
    assert look(looks(False).watch, POLICY, 105, {}).watch == Watch()


def back(*rounds: tuple[bool | None, bool], policy: WatchPolicy = POLICY) -> Seen:
    seen = Seen(Watch(), {}, frozenset())
    for number, (ok, answers) in enumerate(rounds):
        seen = look(seen.watch, policy, 100 + number * 5, {LANE: ok}, {LANE}, {LANE: answers})
    return seen


def test_a_cloud_is_back_when_it_could_serve_three_times_and_its_api_answers() -> None:
    assert not back((True, True), (True, True)).back
    assert back((True, True), (True, True), (True, True)).back == {LANE}
    assert back((None, True), (None, True), (None, True)).back == {LANE}
    assert not back((True, False), (True, False), (True, False)).back
    assert not back((True, True), (True, True), (False, True), (True, True)).back


def test_a_lane_that_fails_behind_an_api_that_answers_is_tried_after_long() -> None:
    short = WatchPolicy(redeploy_seconds=10)
    assert not back((False, True), (False, True), policy=short).back
    assert back((False, True), (False, True), (False, True), policy=short).back == {LANE}


def test_what_is_handled_is_not_named_again() -> None:
    seen = look(looks(False).watch, POLICY, 105, {LANE: False}, {LANE}, {LANE: False})
    assert not seen.down


@given(
    st.dictionaries(
        st.tuples(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.sampled_from(["aws", "gcp", "azure"])),
        st.builds(Streak, st.floats(0, 2e9), st.integers(1, 1000)),
    )
)
def test_its_memory_survives_a_restart(streaks: dict[Lane, Streak]) -> None:
    watch = Watch(streaks, {}, streaks)
    assert Watch.from_json(watch.to_json()) == watch


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        "[]",
        '{"failing": 1, "returning": {}, "answering": {}}',
        "{",
        '{"failing": {"m/mars": [1, 1]}}',
    ],
)
def test_any_other_memory_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Watch.from_json(text)


@given(st.lists(st.sampled_from([True, False, None]), max_size=30))
def test_down_means_at_least_two_failures_in_a_row(observations: list[bool | None]) -> None:
    counted = [ok for ok in observations if ok is not None]
    assert bool(looks(*observations).down) <= (counted[-2:] == [False, False])


def test_the_quorum() -> None:
    every, some = WatchPolicy(quorum="all"), WatchPolicy(quorum="any")
    assert agreed(every, [True, False]) is True
    assert agreed(every, [None, False]) is False
    assert agreed(some, [True, False]) is False
    assert agreed(some, [None, None]) is None


def test_a_policy_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(SpecError, match="none"):
        WatchPolicy(watchers=())
    with pytest.raises(SpecError, match="observation"):
        WatchPolicy(down_observations=0)
