"""Verdicts on simulated answers, and the bounds that they rest on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.deployment.verdict import (
    Finding,
    Outcome,
    bound,
    judge_errors,
    judge_latency,
    judge_traffic,
    verdict,
)
from intermodal.platform.ports.gateway import Tries

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 75, 100, 150, 200, 300, 500, 1000)


def answered(requests: int, failed: int = 0) -> Tries:
    return Tries({"200": requests - failed, "503": failed})


def timed(taken_ms: np.ndarray) -> Tries:
    within = {upper * 1000.0: int((taken_ms <= upper).sum()) for upper in BOUNDS_MS}
    return Tries({"200": taken_ms.size}, {**within, float("inf"): taken_ms.size})


def latencies(count: int, seed: int, shift_ms: float = 0.0) -> Tries:
    return timed(np.random.default_rng(seed).gamma(4, 4, count) + shift_ms)


def test_errors_of_a_good_version_pass() -> None:
    assert judge_errors(answered(9_500), answered(500), 0.01).outcome == "pass"


def test_errors_of_five_percent_fail() -> None:
    found = judge_errors(answered(20_000), answered(1_500, failed=75), 0.01)
    assert found.outcome == "fail"
    assert "5.00%" in found.text


@pytest.mark.parametrize("code", ["400", "422", "429", "0"])
def test_errors_are_answers_without_a_prediction(code: str) -> None:
    """A version that refuses bodies that the old one takes must not get all requests."""
    refusing = Tries({"200": 750, code: 750})
    assert judge_errors(Tries({"200": 19_000, code: 1_000}), refusing, 0.01).outcome == "fail"
    assert judge_errors(Tries({"200": 9_500, code: 9_500}), Tries({"200": 9_500, code: 9_500}), 0.05).outcome == "pass"


def test_errors_of_a_bad_old_version_do_not_block_a_good_one() -> None:
    assert judge_errors(answered(9_500, failed=475), answered(500), 0.01).outcome == "pass"


@pytest.mark.parametrize(("old", "new"), [(1000, 0), (0, 1000), (0, 0), (997, 3)])
def test_errors_of_too_few_requests_are_inconclusive(old: int, new: int) -> None:
    assert judge_errors(answered(old), answered(new), 0.01).outcome == "inconclusive"


def test_errors_of_three_requests_that_fail_are_inconclusive() -> None:
    assert judge_errors(answered(997), answered(3, failed=1), 0.01).outcome == "inconclusive"


@pytest.mark.parametrize(("rate", "wrong"), [(0.0, "fail"), (0.02, "fail"), (0.05, "fail")])
def test_errors_of_equal_versions_seldom_fail_however_often_read(rate: float, wrong: Outcome) -> None:
    """100 rollouts, each read 60 times; with a fixed-sample test at 1 % about a quarter would fail."""
    dice, failures = np.random.default_rng(7), 0
    for _ in range(100):
        old, new = np.cumsum(dice.binomial(950, rate, 60)), np.cumsum(dice.binomial(50, rate, 60))
        outcomes = [
            judge_errors(answered(950 * (i + 1), int(old[i])), answered(50 * (i + 1), int(new[i])), 0.005).outcome
            for i in range(60)
        ]
        failures += wrong in outcomes
    assert failures <= 4


def test_errors_above_what_is_allowed_seldom_pass_however_often_read() -> None:
    dice, passed = np.random.default_rng(8), 0
    for _ in range(100):
        old, new = np.cumsum(dice.binomial(950, 0.01, 60)), np.cumsum(dice.binomial(50, 0.03, 60))
        outcomes = [
            judge_errors(answered(950 * (i + 1), int(old[i])), answered(50 * (i + 1), int(new[i])), 0.01).outcome
            for i in range(60)
        ]
        passed += "pass" in outcomes
    assert passed <= 4


def test_latency_of_the_same_distribution_passes() -> None:
    assert judge_latency(latencies(20_000, 1), latencies(2_000, 2), 0.25).outcome == "pass"


def test_latency_of_100_ms_more_fails() -> None:
    found = judge_latency(latencies(5_000, 1), latencies(300, 2, shift_ms=100), 0.25)
    assert found.outcome == "fail"
    assert "100.0%" in found.text


def test_latency_without_enough_of_the_old_version_is_inconclusive() -> None:
    assert judge_latency(latencies(99, 1), latencies(2_000, 2), 0.25).outcome == "inconclusive"
    assert judge_latency(latencies(2_000, 1), Tries({"503": 10}), 0.25).outcome == "inconclusive"


@pytest.mark.parametrize(("requests", "outcome"), [(0, "inconclusive"), (499, "inconclusive"), (500, "pass")])
def test_traffic_passes_from_the_minimum_on(requests: int, outcome: Outcome) -> None:
    assert judge_traffic(answered(requests), 500).outcome == outcome


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
        ([], "inconclusive"),
    ],
)
def test_verdict_passes_only_if_all_do(outcomes: list[Outcome], expected: Outcome) -> None:
    assert verdict(Finding("x", outcome, "") for outcome in outcomes) == expected


shares = st.floats(1e-9, 0.25)


@given(shares, shares, st.floats(0.001, 0.5))
def test_bound_is_wider_for_more_variance(left: float, right: float, scale: float) -> None:
    low, high = sorted((left, right))
    assert 0 < bound(low, scale) <= bound(high, scale)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_errors_difference_lies_in_its_bounds(old: int, old_bad: int, new: int, new_bad: int) -> None:
    found = judge_errors(answered(old + old_bad, old_bad), answered(new + new_bad, new_bad), 0.01)
    if found.old is not None and found.new is not None and found.low is not None and found.high is not None:
        assert found.low < found.new - found.old < found.high
    else:
        assert found.outcome == "inconclusive"
