"""Golden rows to the clouds' own endpoints: each has its own time, and none spoils the probes of the others."""

import logging
from collections.abc import Callable, Iterator
from threading import Event, Timer
from typing import Any

import pytest

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Route
from intermodal.platform.resilience.detection import DetectionState, UpstreamKey
from intermodal.platform.targets import Target
from intermodal.sensors.toolkit import probes
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget
from tests.targets import AWS, AZURE, GCP, TARGETS

MODELS = ("flights", "wine")


class Here:
    """Endpoints that answer as ``answers`` says; else well."""

    def __init__(self) -> None:
        self.answers: dict[Target, Callable[[], None]] = {}
        self.targets = {target: MemoryTarget(target, MemoryStore(target.site)) for target in TARGETS}
        for target, adapter in self.targets.items():
            adapter.invoke = lambda *_, target=target: self.answers.get(target, lambda: None)() or b"{}"  # type: ignore[method-assign]
        self.gateway = MemoryGateway([])
        for model in MODELS:
            self.gateway.publish(Route(model, "1.0.0", even_weights(self.targets), {}, "{}"), [])

    def votes(self, *keys: UpstreamKey) -> dict[UpstreamKey, bool]:
        seen: dict[UpstreamKey, bool | None] = dict.fromkeys(
            keys or [(m, t) for m in MODELS for t in self.targets], True
        )
        return probes.endpoint_votes(self.gateway, self.targets, "sandbox", seen, DetectionState(), 0.0)


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def silence() -> Iterator[Event]:
    """Its caller waits until the test has ended."""
    event = Event()
    yield event
    event.set()


def raises(error: Exception) -> Callable[[], None]:
    def answer() -> None:
        raise error

    return answer


def waits(event: Event) -> Callable[[], None]:
    def answer() -> None:
        event.wait()

    return answer


def test_endpoint_votes_are_what_each_endpoint_answers(here: Here) -> None:
    here.answers[AZURE] = raises(Unavailable("500"))
    assert here.votes() == {(model, target): target != AZURE for model in MODELS for target in here.targets}


def test_endpoint_votes_of_late_call_have_their_own_time(
    here: Here, monkeypatch: pytest.MonkeyPatch, silence: Event
) -> None:
    """One worker: the first call answers after none is begun any more, so that the second is not looked at."""
    monkeypatch.setattr(probes, "CONCURRENT_PROBES", 1)
    monkeypatch.setattr(probes, "GOLDEN_SECONDS", 30)
    here.answers[AWS] = waits(silence)
    slow = Timer(probes.BEGIN_SECONDS + 0.5, silence.set)
    slow.start()
    assert here.votes(("wine", AWS), ("wine", GCP)) == {("wine", AWS): True}


def test_by_turns_of_many_upstreams_reaches_all_soon() -> None:
    keys: list[UpstreamKey] = [(f"m{number:03}", AWS) for number in range(200)]
    for begin in (0.0, 1_795_000_000.0, 1_795_000_003.7):
        seen = {
            key for tick in range(8) for key in probes._by_turns(keys, begin + 5.0 * tick)[: probes.CONCURRENT_PROBES]
        }
        assert seen == set(keys)
    assert probes._by_turns([], 1.0) == []


def test_endpoint_votes_without_answer_are_no(here: Here, monkeypatch: pytest.MonkeyPatch, silence: Event) -> None:
    monkeypatch.setattr(probes, "GOLDEN_SECONDS", 0.1)
    here.answers[AWS] = waits(silence)
    assert here.votes(("wine", AWS), ("wine", GCP)) == {("wine", AWS): False, ("wine", GCP): True}


def test_endpoint_votes_with_unexpected_error_are_no(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.answers[GCP] = raises(ValueError("nobody expects this"))
    with caplog.at_level(logging.ERROR):
        assert here.votes(("wine", AWS), ("wine", GCP)) == {("wine", AWS): True, ("wine", GCP): False}
    assert "nobody expects this" in caplog.text


def test_endpoint_votes_without_route_are_unknown(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    route = here.gateway.route

    def broken(model: str) -> Any:
        if model == "wine":
            raise Unavailable("its files cannot be read")
        return route(model)

    monkeypatch.setattr(here.gateway, "route", broken)
    assert here.votes() == {("flights", target): True for target in here.targets}
    assert "its files cannot be read" in caplog.text


def test_ask_apis_with_unexpected_error_is_no(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.targets[AWS], "answers", raises(ValueError("nobody expects this")))
    assert probes.ask_apis(here.targets)() == {AWS: False, GCP: True, AZURE: True}


def test_endpoint_votes_of_target_without_adapter_are_unknown(here: Here) -> None:
    del here.targets[GCP]
    assert here.votes(("wine", AWS), ("wine", GCP)) == {("wine", AWS): True}
