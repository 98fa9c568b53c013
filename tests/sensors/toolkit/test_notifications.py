"""Notifications keep no tick for longer than they may, and none that is delivered late is lost or sent twice."""

import threading
from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.notifications import Notice, Receipt, Severity
from intermodal.sensors.toolkit import notifications
from tests.memory import MemoryNotifications
from tests.sensors.people import Slow, until


def notice(key: str, severity: Severity = "warning") -> Notice:
    return Notice(severity, f"title of {key}", "text", "team:tests", key)


@pytest.fixture
def people() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    slow.allow(1000)


def tick(people: Any, *notices: Notice) -> tuple[list[str], list[str]]:
    """The keys that a tick with these notices takes for delivered, and its messages. The log outlives the tick."""
    messages = list[str]()
    people.log = getattr(people, "log", None) or MemoryNotifications(people)
    context: Any = dg.build_sensor_context(resources={"notifications": people.log})
    notifier = notifications.TickNotifier(context, "a sensor", messages)
    return [each.key for each in notices if notifier.deliver(each)], messages


def test_tick_waits_for_the_notices_that_fit_its_time(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert people.sent == people.begun == [expected.key for expected in wanted]


def test_notice_that_hangs_is_the_only_one_in_progress(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    wanted = [notice(f"n{number}") for number in range(50)]
    for _ in range(4):
        assert tick(people, *wanted) == ([], [notifications.PENDING])
    until(lambda: people.begun)
    assert people.begun == ["n0"]
    until(lambda: sum(thread.name == "notifications" for thread in threading.enumerate()) == 1)
    people.allow(1000)
    until(lambda: len(people.sent) == 50)  # between two ticks
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 30.0)
    assert tick(people, *wanted) == ([expected.key for expected in wanted], [])
    assert people.sent == [expected.key for expected in wanted]


@pytest.mark.parametrize(
    ("error", "message"),
    [(Unavailable("No recipient took it."), "No recipient took it."), (ZeroDivisionError("0"), "0")],
)
def test_failed_notice_is_in_the_message_and_tried_again(error: Exception, message: str) -> None:
    class Failing(Slow):
        def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
            if not self.begun:
                self.begun.append(notice.key)
                raise error
            return super().send(notice, skip)

    people = Failing()
    people.allow(2)
    sent, words = tick(people, notice("a"), notice("b"))
    assert sent == ["b"]
    assert message in words[0]
    assert tick(people, notice("a")) == (["a"], [])
    assert people.sent == ["b", "a"]


def test_failure_after_the_tick_is_in_the_next_message(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Slow):
        def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
            super().send(notice, skip)
            raise Unavailable("No recipient took it.")

    people = Failing()
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        assert tick(people, notice("a")) == ([], [notifications.PENDING])
    people.allow(1)
    assert tick(people, notice("a")) == ([], ["No recipient took it."])
    assert people.begun == ["a"]


def test_pages_are_sent_first(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    tick(people, notice("under way"))
    until(lambda: people.begun)
    tick(people, notice("under way"), notice("a"), notice("b"), notice("c", "page"), notice("d", "page"))
    people.allow(1000)
    until(lambda: len(people.sent) == 5)
    assert people.sent == ["under way", "c", "d", "a", "b"]


def test_notice_of_a_resolved_trouble_is_not_sent(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
    tick(people, notice("a"), notice("b"))
    until(lambda: people.begun)
    for _ in range(2):
        tick(people, notice("a"), notice("c"))
    people.allow(1000)
    until(lambda: len(people.sent) == 2)
    assert people.sent == ["a", "c"]


def test_delivered_notice_that_a_tick_did_not_want_is_not_sent_again(
    people: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tick may only not have known of the event, as when a cloud did not answer."""
    with monkeypatch.context() as patch:
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        tick(people, notice("a"))
        people.allow(1000)
        until(lambda: people.sent)
        until(lambda: not any(thread.name == "notifications" for thread in threading.enumerate()))
        tick(people)
        tick(people)
    assert tick(people, notice("a")) == (["a"], [])
    assert people.sent == ["a"]


def test_delivered_notice_is_known_after_a_restart(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    people.allow(1000)
    assert tick(people, notice("a")) == (["a"], [])
    monkeypatch.setattr(notifications, "_queues", {})
    assert tick(people, notice("a")) == (["a"], [])
    assert people.sent == ["a"]


def test_delivered_notice_is_looked_up_once_while_its_event_lasts(people: Slow) -> None:
    people.allow(1000)
    tick(people, notice("a"))
    people.log.notify = None  # type: ignore[attr-defined]
    for _ in range(3):
        assert tick(people, notice("a")) == (["a"], [])


def test_thread_that_died_is_replaced(people: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    people.allow(1000)
    with monkeypatch.context() as patch:
        patch.setattr(notifications.Thread, "start", lambda _: None)
        patch.setattr(notifications, "DELIVERY_SECONDS", 0.01)
        assert tick(people, notice("a")) == ([], [notifications.PENDING])
    assert tick(people, notice("a"), notice("b")) == (["a", "b"], [])
