"""Work on many items, and a call with a time limit."""

import threading

import pytest

from intermodal.resources.concurrency import parallel, succeeds_within


def test_parallel_many_items_does_each_once() -> None:
    done: list[int] = []
    assert parallel(lambda n: done.append(n) or n * n, range(1000), 8) == {n: n * n for n in range(1000)}
    assert sorted(done) == list(range(1000))


def test_parallel_no_items_has_no_results() -> None:
    assert parallel(str, [], 8) == {}


@pytest.mark.parametrize("error", [ValueError("3"), IndexError("3"), StopIteration("3")])
def test_parallel_error_starts_no_further_item(error: Exception) -> None:
    """An error of any type; none is mistaken for the end of the queue."""
    failed, started = threading.Event(), list[int]()

    def work(number: int) -> None:
        started.append(number)
        if number == 3:
            failed.set()
            raise error
        assert failed.wait(10)

    with pytest.raises(type(error), match="3"):
        parallel(work, range(100), 4)
    assert sorted(started)[:4] == [0, 1, 2, 3]
    assert len(started) < 10


def test_parallel_many_items_run_on_given_workers() -> None:
    running, highest, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal running, highest
        with lock:
            running += 1
            highest = max(highest, running)
        threading.Event().wait(0.001)
        with lock:
            running -= 1

    parallel(work, range(50), 3)
    assert highest <= 3


def test_succeeds_within_call_in_time_is_true() -> None:
    assert succeeds_within(5, lambda: None) is True


def test_succeeds_within_error_is_false_at_once() -> None:
    assert succeeds_within(600, lambda: 1 / 0) is False


def test_succeeds_within_hanging_call_is_false_at_the_limit() -> None:
    hanging = threading.Event()
    assert succeeds_within(0.05, lambda: hanging.wait(60)) is False
    hanging.set()
