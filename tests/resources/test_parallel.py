"""The same work for many things: what is done, what is not started after an error, what one of them costs."""

import threading

import pytest

from intermodal.resources.parallel import parallel


def test_everything_is_done_once() -> None:
    done: list[int] = []
    assert parallel(lambda n: done.append(n) or n * n, range(1000), 8) == {n: n * n for n in range(1000)}
    assert sorted(done) == list(range(1000))


def test_nothing_is_nothing() -> None:
    assert parallel(str, [], 8) == {}


@pytest.mark.parametrize("error", [ValueError("3"), IndexError("3"), StopIteration("3")])
def test_after_an_error_nothing_more_is_started(error: Exception) -> None:
    """Whatever its type: it is never taken for the end of the work."""
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


def test_no_more_at_once_than_workers() -> None:
    here, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        threading.Event().wait(0.001)
        with lock:
            here -= 1

    parallel(work, range(50), 3)
    assert most <= 3
