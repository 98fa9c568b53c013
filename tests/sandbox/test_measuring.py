"""What a front remembers of its requests and of its processes."""

import os
from collections import deque

import pytest

from intermodal.sandbox.invocations import KEPT_SECONDS, Recorder
from intermodal.sandbox.usage import PERIOD, Usage


class Clock:
    now = 1000.5

    def __call__(self) -> float:
        return self.now


def test_consecutive_windows_share_no_request() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    recorder.add("a", 200, 0.25)
    recorder.add("a", 503, 0.5)
    recorder.add("b", 200, 1)
    found = recorder.window("a", 940.5, 1000.5)
    assert (found.count(), found.count(500), found.seconds()) == (2, 1, [0.25, 0.5])
    assert recorder.window("a", 1000.5, 1060.5).count() == 0
    assert recorder.window("nobody", 0, 2000).count() == 0


def test_windows_that_follow_each_other_count_everything_once() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    for index in range(200):
        clock.now = 1000 + index * 0.37
        recorder.add("a", 200, 0)
    windows = [recorder.window("a", start, start + 7) for start in range(990, 1100, 7)]
    assert sum(window.count() for window in windows) == 200


def test_old_requests_are_removed() -> None:
    clock = Clock()
    recorder = Recorder(clock)
    recorder.add("a", 200, 0)
    recorder.add("b", 200, 0)
    clock.now += KEPT_SECONDS + 2
    recorder.add("a", 200, 0)
    assert recorder.window("a", 0, clock.now).count() == 1
    assert recorder.names() == ["a"]


def test_new_process_has_its_use_since_its_start() -> None:
    usage = Usage(lambda: {"me": os.getpid()})
    usage.look()
    assert usage.cores("me", 0, float("inf"))[0] > 0
    assert usage.cores("me", float("inf"), float("inf")) == []


def test_second_look_at_the_same_moment_adds_no_sample() -> None:
    usage = Usage(lambda: {"me": os.getpid()})
    usage.look()
    usage.look()
    assert len(usage.cores("me", 0, float("inf"))) == 1


def test_figure_belongs_to_the_span_of_its_later_sample() -> None:
    usage = Usage(dict)
    usage._samples["a"] = deque([(58.0, 1, 0.0), (63.0, 1, 2.5), (68.0, 1, 2.5), (69.0, 2, 0.0)])
    assert usage.cores("a", 0, 60) == []
    assert usage.cores("a", 60, 120) == [0.5, 0.0]


def test_process_that_ended_has_lived_until_then() -> None:
    live = {"me": os.getpid(), "nobody": 2**30}
    usage = Usage(lambda: live)
    usage.look()
    (moment,) = {sample[0] for sample in usage._samples["me"] if sample[2]}
    assert usage.lived("me", moment)
    assert not usage.lived("me", moment + 2 * PERIOD)
    assert not usage.lived("nobody", moment)


@pytest.mark.parametrize(("low", "high", "count"), [(0, 1000, 4), (200, 300, 1), (429, 430, 2), (500, 600, 1)])
def test_counts_are_by_status(low: int, high: int, count: int) -> None:
    recorder = Recorder()
    for status in (200, 429, 429, 503):
        recorder.add("a", status, 0)
    assert recorder.window("a", 0, float("inf")).count(low, high) == count
