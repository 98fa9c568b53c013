"""Whatever keeps a target from serving, it soon gets no first tries, and no caller notices; a few errors do not.

Golden rows are answered well throughout, so that what callers see is what drains a target (docs/adr/0022).
"""

import itertools
from collections.abc import Callable

import pytest
from aiohttp import web

from intermodal.platform.targets import Target
from intermodal.resources.envoy.control.admin import Admin
from tests.resources.envoy.conftest import Model, target_of, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import Answer, FakeUpstream, always, predicted
from tests.targets import AWS, AZURE, GCP, TARGETS

RATE = 200


def spoiled(status: int, spoils: Callable[[int], bool]) -> Answer:
    """Answer with ``status`` where ``spoils`` says so of a request's number; golden rows are not numbered."""
    numbers = itertools.count()

    def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        probe = "x-intermodal-probe" in request.headers
        return (predicted if probe or not spoils(next(numbers)) else always(status))(request, body)

    return answer


def percent(share: int) -> Callable[[int], bool]:
    """So many of a hundred, spread evenly: 37 and 100 have no common divisor."""
    return lambda number: number * 37 % 100 < share


def slow(fake: FakeUpstream) -> None:
    fake.delay_seconds = 2


def erring(fake: FakeUpstream) -> None:
    fake.answer = spoiled(500, percent(30))


def throttled(fake: FakeUpstream) -> None:
    fake.answer = spoiled(429, percent(90))


@pytest.mark.parametrize("harm", [FakeUpstream.kill, slow, erring, throttled])
def test_failing_target_is_drained_without_a_failed_request(model: Model, harm: Callable[[FakeUpstream], None]) -> None:
    model.publish()
    outcome = drive(f"{model.url}/infer", 2.5, RATE, lambda: harm(model.fakes[AWS]))
    assert outcome.failed == []
    assert outcome.targets[AWS] > 0
    until(lambda: model.healthy() == {GCP, AZURE})
    after = drive(f"{model.url}/infer", 0.5, RATE)
    assert after.failed == []
    # A golden row that is answered lets it be tried again.
    assert after.targets[AWS] <= 0.05 * len(after.order)


@pytest.mark.parametrize("harm", [erring, throttled])
def test_drained_target_that_recovers_gets_its_share_back(model: Model, harm: Callable[[FakeUpstream], None]) -> None:
    model.publish()
    aws = model.fakes[AWS]
    harm(aws)
    assert drive(f"{model.url}/infer", 1, RATE).failed == []
    until(lambda: model.healthy() == {GCP, AZURE})
    aws.answer = predicted
    until(lambda: AWS in model.healthy() and drive(f"{model.url}/infer", 0.5, RATE).targets[AWS] > 0.15 * RATE)


@pytest.mark.parametrize("status", [500, 429])
def test_target_with_few_errors_stays_in_rotation(model: Model, status: int) -> None:
    model.publish()
    for fake in model.fakes.values():
        fake.answer = spoiled(status, lambda number: number % 10 == 0)
    assert {model.infer().status_code for _ in range(90)} == {200}
    assert model.healthy() == set(TARGETS)
    counted = Admin(model.gateway.admin_url).stats("Counters", rf"^cluster\.{model.name}/.*ejections_detected")
    assert counted
    assert set(counted.values()) == {0}


def test_targets_that_all_fail_are_all_tried(model: Model) -> None:
    model.publish()
    for fake in model.fakes.values():
        fake.answer = spoiled(429, lambda number: number % 2 == 0)
    serving: list[set[Target]] = []
    readings = [lambda: serving.append(model.healthy())] * 8
    outcome = drive(f"{model.url}/infer", 2, RATE, *readings)
    assert all(outcome.targets[target] > 0.15 * RATE for target in TARGETS)
    assert all(serving)


def test_failing_target_serves_when_others_are_dead(model: Model) -> None:
    model.publish()
    model.fakes[AWS].answer = spoiled(429, lambda number: number % 2 == 0)
    drive(f"{model.url}/infer", 0.5, RATE)
    model.fakes[GCP].kill()
    model.fakes[AZURE].kill()
    until(lambda: model.healthy() == {AWS})
    outcome = drive(f"{model.url}/infer", 0.5, RATE)
    assert outcome.targets[AWS] == len(outcome.order) > 0.9 * (len(outcome.order) + len(outcome.failed))


def test_upstream_cannot_drain_itself_by_a_header(model: Model) -> None:
    model.publish()
    model.fakes[AWS].answer = lambda *_: web.json_response({}, headers={"x-envoy-degraded": "1"})
    answers = [model.infer() for _ in range(12)]
    assert AWS in {target_of(answer) for answer in answers}
    assert not any("x-envoy-degraded" in answer.headers for answer in answers)
    assert model.healthy() == set(TARGETS)
