"""The share of the requests that is logged follows the load of the previous second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.serving.prediction_log import sampler
from intermodal.serving.prediction_log.sampler import ADAPT_SECONDS, BURST_SECONDS, Sampler


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(sampler, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def take(rate_sampler: Sampler, clock: Clock, requests: int, rows: int = 1, seconds: float = ADAPT_SECONDS) -> int:
    """Offer so many requests within so many seconds. Returns how many rows were taken."""
    taken = sum(rate_sampler.takes(rows) for _ in range(requests))
    clock.now += seconds
    rate_sampler.adapt()
    return taken * rows


def test_sampler_below_limit_takes_everything(clock: Clock) -> None:
    rate_sampler = Sampler(1.0, 1000)
    assert [take(rate_sampler, clock, 10, 100) for _ in range(20)] == [1000] * 20


def test_sampler_above_limit_takes_about_the_limit(clock: Clock) -> None:
    rate_sampler = Sampler(1.0, 1000)
    assert take(rate_sampler, clock, 4_000) == 4_000  # the second that it takes to notice
    assert 850 < take(rate_sampler, clock, 4_000) < 1150  # 1,000 with a standard deviation of 27
    assert take(rate_sampler, clock, 400) < 150  # still a quarter
    assert take(rate_sampler, clock, 999) == 999


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0.01, 3)), min_size=1, max_size=20))
def test_sampler_bursts_are_bounded(bursts: list[tuple[int, float]]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        rate_sampler, taken = Sampler(1.0, 1000), 0
        for requests, seconds in bursts:
            taken += take(rate_sampler, clock, requests, seconds=seconds)
    assert taken <= 1000 * (clock.now - 100 + BURST_SECONDS)


def test_sampler_large_requests_count_by_rows(clock: Clock) -> None:
    rate_sampler = Sampler(1.0, 1000)
    take(rate_sampler, clock, 1000, rows=100)
    assert rate_sampler.share == pytest.approx(0.01)


def test_sampler_large_request_pauses_log_briefly(clock: Clock) -> None:
    rate_sampler = Sampler(1.0, 1000)
    assert take(rate_sampler, clock, 1, rows=100_000) == 100_000
    after = [take(rate_sampler, clock, 100) for _ in range(10)]
    assert after[0] == 0
    assert after[-1] == 100
    assert after.index(100) <= BURST_SECONDS + 1


def test_sampler_share_changes_only_after_period(clock: Clock) -> None:
    rate_sampler = Sampler(1.0, 1000)
    take(rate_sampler, clock, 5000, seconds=ADAPT_SECONDS / 2)
    assert rate_sampler.share == 1
    take(rate_sampler, clock, 5000, seconds=ADAPT_SECONDS / 2)
    assert rate_sampler.share == pytest.approx(0.1)


@given(
    sample=st.floats(0, 1),
    limit=st.integers(1, 10**6),
    rows=st.integers(0, 10**6),
    seconds=st.floats(ADAPT_SECONDS, 100),
)
def test_sampler_share_is_within_sample_and_limit(sample: float, limit: int, rows: int, seconds: float) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        rate_sampler = Sampler(sample, limit)
        rate_sampler.takes(rows)
        clock.now += seconds
        rate_sampler.adapt()
    assert rate_sampler.share <= sample
    assert rate_sampler.share * rows <= limit * (clock.now - 100.0) * (1 + 1e-9)
    if rows / seconds <= limit * (1 - 1e-9):
        assert rate_sampler.share == sample
