"""Which share of the requests is logged, by what came in the second before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.serving.prediction_log import sampler
from intermodal.serving.prediction_log.sampler import BURST, PERIOD, Sampler


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(sampler, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def asked(one: Sampler, clock: Clock, requests: int, rows: int = 1, seconds: float = PERIOD) -> int:
    """So many requests within so many seconds; how many rows were taken."""
    taken = sum(one.takes(rows) for _ in range(requests))
    clock.now += seconds
    one.adapt()
    return taken * rows


def test_everything_is_taken_up_to_the_limit(clock: Clock) -> None:
    one = Sampler(1.0, 1000)
    assert [asked(one, clock, 10, 100) for _ in range(20)] == [1000] * 20


def test_of_more_about_as_much_as_the_limit_and_a_quiet_second_later_everything_again(clock: Clock) -> None:
    one = Sampler(1.0, 1000)
    assert asked(one, clock, 4_000) == 4_000  # the second that it takes to notice
    assert 850 < asked(one, clock, 4_000) < 1150  # 1,000 with a standard deviation of 27
    assert asked(one, clock, 400) < 150  # still a quarter
    assert asked(one, clock, 999) == 999


@given(st.lists(st.tuples(st.integers(0, 20_000), st.floats(0.01, 3)), min_size=1, max_size=20))
def test_bursts_are_bounded(bursts: list[tuple[int, float]]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        one, taken = Sampler(1.0, 1000), 0
        for requests, seconds in bursts:
            taken += asked(one, clock, requests, seconds=seconds)
    assert taken <= 1000 * (clock.now - 100 + BURST)


def test_large_requests_count_by_their_rows(clock: Clock) -> None:
    one = Sampler(1.0, 1000)
    asked(one, clock, 1000, rows=100)
    assert one.share == pytest.approx(0.01)


def test_one_large_request_is_taken_whole_and_silences_the_log_for_a_while_only(clock: Clock) -> None:
    one = Sampler(1.0, 1000)
    assert asked(one, clock, 1, rows=100_000) == 100_000
    quiet = [asked(one, clock, 100) for _ in range(10)]
    assert quiet[0] == 0
    assert quiet[-1] == 100
    assert quiet.index(100) <= BURST + 1


def test_the_share_stays_as_it_is_until_a_period_is_over(clock: Clock) -> None:
    one = Sampler(1.0, 1000)
    asked(one, clock, 5000, seconds=PERIOD / 2)
    assert one.share == 1
    asked(one, clock, 5000, seconds=PERIOD / 2)
    assert one.share == pytest.approx(0.1)


@given(sample=st.floats(0, 1), most=st.integers(1, 10**6), rows=st.integers(0, 10**6), seconds=st.floats(PERIOD, 100))
def test_never_more_than_the_spec_wants_nor_than_the_limit(sample: float, most: int, rows: int, seconds: float) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Clock(monkeypatch)
        one = Sampler(sample, most)
        one.takes(rows)
        clock.now += seconds
        one.adapt()
    assert one.share <= sample
    assert one.share * rows <= most * (clock.now - 100.0) * (1 + 1e-9)
    if rows / seconds <= most * (1 - 1e-9):
        assert one.share == sample
