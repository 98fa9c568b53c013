"""Notifications keep no tick for longer than they may, and none that is delivered late is lost or sent twice."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.notifications import Notice, Severity
from intermodal.sensors.toolkit import notifications
from tests.sensors.people import Slow, until


def notice(key: str, severity: Severity = "warning") -> Notice:
    return Notice(severity, f"title of {key}", "text", "team:tests", key)


@pytest.fixture
def people() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.allow(1000)


def tick(people: Any, *notices: Notice) -> tuple[list[str], list[str]]:
    """Whom a tick that wants to tell all these takes for told, and what it says."""
    words = list[str]()
    context: Any = dg.build_sensor_context(resources={"notifier": people})
    this = notifications.TickNotifier(context, "one", words)
    return [one.key for one in notices if this.deliver(one)], words


def test_a_tick_waits_for_as_many_as_there_is_time_for(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 0.3 s of a clock that nothing else moves."""
    clock, waited = SimpleNamespace(now=0.0), list[float]()

    def wait(futures: Any, seconds: float) -> None:
        waited.append(round(seconds, 3))
        if seconds:
            people.allow(1)
            until(futures[0].done)
        clock.now += min(seconds, 0.3)

    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.5)
    monkeypatch.setattr(notifications, "wait", wait)
    monkeypatch.setattr(notifications, "time", SimpleNamespace(monotonic=lambda: clock.now))
    wanted = [notice(f"n{number}") for number in range(5)]
    assert tick(people, *wanted) == (["n0", "n1"], [notifications.PENDING])
    assert waited == [0.5, 0.2, 0, 0, 0]
    assert tick(people, *wanted[2:])[0] == ["n2", "n3"]
    assert tick(people, *wanted[4:]) == (["n4"], [])
    assert people.told == people.begun == [one.key for one in wanted]


def test_one_that_hangs_is_the_only_one_under_way(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    wanted = [notice(f"n{number}") for number in range(50)]
    for _ in range(4):
        assert tick(people, *wanted) == ([], [notifications.PENDING])
    until(lambda: people.begun)
    assert people.begun == ["n0"]
    until(lambda: sum(thread.name == "notifications" for thread in threading.enumerate()) == 1)
    people.allow(1000)
    until(lambda: len(people.told) == 50)  # between two ticks
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 30.0)
    assert tick(people, *wanted) == ([one.key for one in wanted], [])
    assert people.told == [one.key for one in wanted]


@pytest.mark.parametrize(
    ("error", "said"), [(Unavailable("Nobody could be told."), "Nobody could be told."), (ZeroDivisionError("0"), "0")]
)
def test_a_failure_is_said_and_a_later_tick_tries_again(error: Exception, said: str) -> None:
    class Failing(Slow):
        def tell(self, notice: Notice) -> bool:
            if not self.begun:
                self.begun.append(notice.key)
                raise error
            return super().tell(notice)

    people = Failing()
    people.allow(2)
    told, words = tick(people, notice("a"), notice("b"))
    assert told == ["b"]
    assert said in words[0]
    assert tick(people, notice("a")) == (["a"], [])
    assert people.told == ["b", "a"]


def test_a_failure_of_which_the_tick_did_not_hear_is_said_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Slow):
        def tell(self, notice: Notice) -> bool:
            super().tell(notice)
            raise Unavailable("Nobody could be told.")

    people = Failing()
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        assert tick(people, notice("a")) == ([], [notifications.PENDING])
    people.allow(1)
    assert tick(people, notice("a")) == ([], ["Nobody could be told."])
    assert people.begun == ["a"]


def test_pages_are_told_first(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    tick(people, notice("under way"))
    until(lambda: people.begun)
    tick(people, notice("under way"), notice("a"), notice("b"), notice("c", "page"), notice("d", "page"))
    people.allow(1000)
    until(lambda: len(people.told) == 5)
    assert people.told == ["under way", "c", "d", "a", "b"]


def test_what_is_over_before_it_is_told_is_not_told(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    tick(people, notice("a"), notice("b"))
    until(lambda: people.begun)
    for _ in range(2):
        tick(people, notice("a"), notice("c"))
    people.allow(1000)
    until(lambda: len(people.told) == 2)
    assert people.told == ["a", "c"]


@pytest.mark.parametrize(("remembered", "told"), [(600.0, ["a"]), (-1.0, ["a", "a"])])
def test_what_was_told_is_known_for_a_while_when_ticks_do_not_ask(
    people: Slow, monkeypatch: pytest.MonkeyPatch, remembered: float, told: list[str]
) -> None:
    """They may not have known of it, as when a cloud did not answer; after a while it is another event."""
    monkeypatch.setattr(notifications, "REMEMBERED_SECONDS", remembered)
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        tick(people, notice("a"))
        people.allow(1000)
        until(lambda: people.told)
        until(lambda: not any(thread.name == "notifications" for thread in threading.enumerate()))
        tick(people)
        tick(people)
    assert tick(people, notice("a")) == (["a"], [])
    assert people.told == told


def test_a_thread_that_died_is_replaced(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    people.allow(1000)
    with monkeypatch.context() as patch:
        patch.setattr(notifications.Thread, "start", lambda _: None)
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        assert tick(people, notice("a")) == ([], [notifications.PENDING])
    assert tick(people, notice("a"), notice("b")) == (["a", "b"], [])
