"""Golden rows to the clouds' own endpoints: each has its own time, and none spoils the look at the others."""

import logging
from collections.abc import Callable, Iterator
from threading import Event, Timer
from typing import Any

import pytest

from intermodal.platform.deployment.routing import even_weights
from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Route
from intermodal.platform.resilience.detection import Lane, Watch
from intermodal.platform.targets import TARGETS, Cloud
from intermodal.sensors.toolkit import probes
from tests.memory import MemoryGateway, MemoryStore, MemoryTarget

MODELS = ("flights", "wine")


class Here:
    """Endpoints that answer as ``answers`` says; else well."""

    def __init__(self) -> None:
        self.answers: dict[Cloud, Callable[[], None]] = {}
        self.places = {target.cloud: MemoryTarget(target, MemoryStore(target.cloud)) for target in TARGETS}
        for cloud, place in self.places.items():
            place.invoke = lambda *_, cloud=cloud: self.answers.get(cloud, lambda: None)() or b"{}"  # type: ignore[method-assign]
        self.gateway = MemoryGateway([])
        for model in MODELS:
            self.gateway.publish(Route(model, "1.0.0", even_weights(self.places), {}, "{}"), [])

    def votes(self, *lanes: Lane) -> dict[Lane, bool]:
        seen: dict[Lane, bool | None] = dict.fromkeys(lanes or [(m, c) for m in MODELS for c in self.places], True)
        return probes.endpoint_votes(self.gateway, self.places, "sandbox", seen, Watch(), 0.0)


@pytest.fixture
def here() -> Here:
    return Here()


@pytest.fixture
def silence() -> Iterator[Event]:
    """Whoever waits for it waits until the test has ended."""
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


def test_what_answers_and_what_does_not(here: Here) -> None:
    here.answers["azure"] = raises(Unavailable("500"))
    assert here.votes() == {(model, cloud): cloud != "azure" for model in MODELS for cloud in here.places}


def test_a_call_has_its_time_from_its_own_start(here: Here, monkeypatch: pytest.MonkeyPatch, silence: Event) -> None:
    """One worker: the first call answers after none is begun any more, so that the second is not looked at."""
    monkeypatch.setattr(probes, "WORKERS", 1)
    monkeypatch.setattr(probes, "GOLDEN_SECONDS", 30)
    here.answers["aws"] = waits(silence)
    slow = Timer(probes.BEGIN_SECONDS + 0.5, silence.set)
    slow.start()
    assert here.votes(("wine", "aws"), ("wine", "gcp")) == {("wine", "aws"): True}


def test_of_many_lanes_all_have_their_turn_soon() -> None:
    lanes: list[Lane] = [(f"m{number:03}", "aws") for number in range(200)]
    for begin in (0.0, 1_795_000_000.0, 1_795_000_003.7):
        seen = {lane for tick in range(8) for lane in probes._by_turns(lanes, begin + 5.0 * tick)[: probes.WORKERS]}
        assert seen == set(lanes)
    assert probes._by_turns([], 1.0) == []


def test_what_never_answers_cannot_serve(here: Here, monkeypatch: pytest.MonkeyPatch, silence: Event) -> None:
    monkeypatch.setattr(probes, "GOLDEN_SECONDS", 0.1)
    here.answers["aws"] = waits(silence)
    assert here.votes(("wine", "aws"), ("wine", "gcp")) == {("wine", "aws"): False, ("wine", "gcp"): True}


def test_an_error_that_nobody_expected_is_a_no_for_its_own_lane(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.answers["gcp"] = raises(ValueError("nobody expects this"))
    with caplog.at_level(logging.ERROR):
        assert here.votes(("wine", "aws"), ("wine", "gcp")) == {("wine", "aws"): True, ("wine", "gcp"): False}
    assert "nobody expects this" in caplog.text


def test_of_a_gateway_that_does_not_say_what_is_served_nothing_is_known(
    here: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    route = here.gateway.route

    def broken(model: str) -> Any:
        if model == "wine":
            raise Unavailable("its files cannot be read")
        return route(model)

    monkeypatch.setattr(here.gateway, "route", broken)
    assert here.votes() == {("flights", cloud): True for cloud in here.places}
    assert "its files cannot be read" in caplog.text


def test_an_api_that_fails_as_nobody_expected_does_not_answer(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here.places["aws"], "answers", raises(ValueError("nobody expects this")))
    assert probes.asking(here.places)() == {"aws": False, "gcp": True, "azure": True}
