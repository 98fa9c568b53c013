"""Hysteresis: when an upstream is down, and when it is back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import SpecError
from intermodal.platform.resilience.detection import (
    Detection,
    DetectionPolicy,
    DetectionState,
    Streak,
    UpstreamKey,
    agreed,
    look,
)
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

KEY: UpstreamKey = ("m", AWS)
POLICY = DetectionPolicy()


def looks(*observations: bool | None, seconds: float = 5) -> Detection:
    seen = Detection(DetectionState(), {}, frozenset())
    for number, ok in enumerate(observations):
        seen = look(seen.watch, POLICY, 100 + number * seconds, {KEY: ok})
    return seen


def test_look_with_one_failure_finds_no_outage() -> None:
    assert not looks(False).down
    assert not looks(False, True, False).down


def test_look_with_two_failures_gives_the_onset_of_the_first() -> None:
    assert looks(True, False, False).down == {KEY: 105}
    assert looks(True, False, False, False, False).down == {KEY: 105}


def test_look_with_failures_too_close_finds_no_outage() -> None:
    assert not looks(False, False, False, seconds=1).down
    assert looks(False, False, False, False, False, seconds=1).down


def test_look_without_an_observation_changes_nothing() -> None:
    assert looks(False, None, False).down == {KEY: 100}
    assert not looks(None, None, None).down


def test_look_drops_an_upstream_that_is_no_longer_watched() -> None:
    assert look(looks(False).watch, POLICY, 105, {}).watch == DetectionState()


def back(*rounds: tuple[bool | None, bool], policy: DetectionPolicy = POLICY) -> Detection:
    seen = Detection(DetectionState(), {}, frozenset())
    for number, (ok, answers) in enumerate(rounds):
        seen = look(seen.watch, policy, 100 + number * 5, {KEY: ok}, {KEY}, {KEY: answers})
    return seen


def test_look_with_three_good_observations_and_an_api_finds_it_back() -> None:
    assert not back((True, True), (True, True)).back
    assert back((True, True), (True, True), (True, True)).back == {KEY}
    assert back((None, True), (None, True), (None, True)).back == {KEY}
    assert not back((True, False), (True, False), (True, False)).back
    assert not back((True, True), (True, True), (False, True), (True, True)).back


def test_look_behind_an_answering_api_redeploys_after_long() -> None:
    short = DetectionPolicy(redeploy_seconds=10)
    assert not back((False, True), (False, True), policy=short).back
    assert back((False, True), (False, True), (False, True), policy=short).back == {KEY}


def test_look_does_not_name_a_handled_upstream_again() -> None:
    seen = look(looks(False).watch, POLICY, 105, {KEY: False}, {KEY}, {KEY: False})
    assert not seen.down


@given(
    st.dictionaries(
        st.tuples(
            st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.sampled_from([AWS, AWS_EU, EKS, GCP, AZURE])
        ),
        st.builds(Streak, st.floats(0, 2e9), st.integers(1, 1000)),
    )
)
def test_watch_comes_back_from_its_json(streaks: dict[UpstreamKey, Streak]) -> None:
    watch = DetectionState(streaks, {}, streaks)
    assert DetectionState.from_json(watch.to_json()) == watch


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
def test_watch_refuses_other_json(text: str) -> None:
    with pytest.raises(ValueError):
        DetectionState.from_json(text)


@given(st.lists(st.sampled_from([True, False, None]), max_size=30))
def test_look_down_means_at_least_two_failures_in_a_row(observations: list[bool | None]) -> None:
    counted = [ok for ok in observations if ok is not None]
    assert bool(looks(*observations).down) <= (counted[-2:] == [False, False])


def test_agreed_follows_the_quorum() -> None:
    every, some = DetectionPolicy(quorum="all"), DetectionPolicy(quorum="any")
    assert agreed(every, [True, False]) is True
    assert agreed(every, [None, False]) is False
    assert agreed(some, [True, False]) is False
    assert agreed(some, [None, None]) is None


def test_policy_without_sense_is_refused() -> None:
    with pytest.raises(SpecError, match="none"):
        DetectionPolicy(watchers=())
    with pytest.raises(SpecError, match="observation"):
        DetectionPolicy(down_observations=0)
