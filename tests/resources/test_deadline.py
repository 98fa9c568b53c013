import threading

from intermodal.resources.deadline import within


def test_what_returns_in_time_is_a_yes() -> None:
    assert within(5, lambda: None) is True


def test_an_error_is_a_no_at_once() -> None:
    assert within(600, lambda: 1 / 0) is False


def test_what_hangs_is_a_no_when_the_time_is_over() -> None:
    hanging = threading.Event()
    assert within(0.05, lambda: hanging.wait(60)) is False
    hanging.set()
