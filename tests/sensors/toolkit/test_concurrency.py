"""A tick waits for so long and no longer, and what comes later is not lost."""

from collections.abc import Iterator
from threading import Event

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.sensors.toolkit.concurrency import SingleFlight


@pytest.fixture
def swallowed() -> Iterator[Event]:
    """Set when the packets arrive after all."""
    event = Event()
    yield event
    event.set()


def test_single_flight_without_answer_names_the_call(swallowed: Event) -> None:
    def fails() -> int:
        raise Unavailable("it says 500")

    calls = {"gcp": lambda: int(swallowed.wait()), "aws": lambda: 1, "azure": fails}
    answers = SingleFlight[int]().gather(calls, 0.05)
    assert answers.found == {"aws": 1}
    assert answers.failed == {"gcp": "no answer within 0.05 s", "azure": "it says 500"}


def test_single_flight_makes_all_calls_at_once() -> None:
    """Each call waits until all others have begun."""
    begun = {name: Event() for name in "abc"}

    def meet(name: str) -> bool:
        begun[name].set()
        return all(event.wait(30) for event in begun.values())

    assert SingleFlight[bool]().gather(
        {name: lambda name=name: meet(name) for name in begun}, 30
    ).found == dict.fromkeys("abc", True)


def test_single_flight_result_is_taken_by_a_later_tick(swallowed: Event) -> None:
    pending, calls = SingleFlight[int](), list[int]()

    def slow() -> int:
        calls.append(len(calls))
        swallowed.wait()
        return calls[-1]

    for _ in range(3):
        assert pending.gather({"gcp": slow}, 0.01).failed
    assert calls == [0]
    swallowed.set()
    assert pending.gather({"gcp": slow}, 30).found == {"gcp": 0}
    assert pending.gather({"gcp": slow}, 30).found == {"gcp": 1}


def test_single_flight_with_a_bug_raises_it() -> None:
    with pytest.raises(ZeroDivisionError):
        SingleFlight[float]().gather({"aws": lambda: 1 / 0}, 30)
