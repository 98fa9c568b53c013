"""A step is repeated until it has a result, its time is over, or it raises."""

import pytest
import tenacity

from intermodal.resources import polling
from intermodal.resources.polling import MAX_PAUSE_SECONDS, poll


class Clock:
    """``time.monotonic`` and ``time.sleep`` that take no time."""

    def __init__(self) -> None:
        self.now, self.pauses = 1000.0, list[float]()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(polling, "MAX_PAUSE_SECONDS", MAX_PAUSE_SECONDS)
    monkeypatch.setattr(tenacity.nap.time, "sleep", clock.sleep)
    monkeypatch.setattr(tenacity.time, "monotonic", clock.monotonic)
    return clock


def test_poll_has_the_first_true_result(clock: Clock) -> None:
    results = iter([None, False, 0, "ready", "later"])
    assert poll(lambda: next(results), 60) == "ready"
    assert len(clock.pauses) == 3


def test_poll_pauses_grow_up_to_the_maximum(clock: Clock) -> None:
    assert poll(lambda: None, 600, growth=1.5) is None
    assert clock.pauses[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert max(clock.pauses) == clock.pauses[-1] == MAX_PAUSE_SECONDS


def test_poll_without_growth_pauses_evenly(clock: Clock) -> None:
    assert poll(lambda: None, 1, growth=1, first_pause=0.3) is None
    assert clock.pauses == [0.3, 0.3, 0.3]


def test_poll_never_exceeds_its_time(clock: Clock) -> None:
    assert poll(lambda: None, 20) is None
    assert clock.now < 1020


def test_poll_without_time_calls_the_step_once(clock: Clock) -> None:
    assert poll(lambda: "ready", 0) == "ready"
    assert poll(lambda: None, 0) is None
    assert clock.pauses == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_poll_error_of_the_step_is_raised_at_once(clock: Clock, error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(error):
        poll(fail, 60)
    assert clock.pauses == []
