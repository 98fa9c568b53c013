"""No request fails while a target dies, misbehaves, comes back, or while the route changes under load."""

import pytest

from tests.resources.envoy.conftest import Model, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import Answer, always, predicted
from tests.targets import AWS, AZURE, GCP

RATE = 200


def test_killed_target_fails_no_request_and_gets_its_share_back(model: Model) -> None:
    model.publish()
    aws = model.fakes[AWS]
    outcome = drive(f"{model.url}/infer", 3, RATE, aws.kill)
    assert outcome.failed == []
    assert outcome.targets[AWS] > 0
    assert AWS not in outcome.order[-RATE:]
    assert model.healthy() == {GCP, AZURE}
    aws.start()
    until(lambda: AWS in model.healthy())
    assert drive(f"{model.url}/infer", 1, RATE).targets[AWS] > 0.15 * RATE


@pytest.mark.parametrize(
    "answer",
    [
        always(500),
        always(503),
        always(404),
        always(401),
        always(403),
        always(408),
        always(429),
        always(302, location="/login"),
        always(400, '{"message": "Endpoint x not found."}', x_amzn_errortype="ValidationError"),
    ],
    ids=["500", "503", "404", "401", "403", "408", "429", "302", "400-of-aws-itself"],
)
def test_target_that_cannot_serve_is_passed_over(model: Model, answer: Answer) -> None:
    model.publish()

    def break_aws() -> None:
        model.fakes[AWS].answer = answer

    outcome = drive(f"{model.url}/infer", 1.2, RATE, break_aws)
    assert outcome.failed == []
    assert AWS not in outcome.order[-RATE // 4 :]
    until(lambda: model.healthy() == {GCP, AZURE})
    model.fakes[AWS].answer = predicted
    until(lambda: AWS in model.healthy())


def test_target_that_hangs_is_passed_over(model: Model) -> None:
    model.publish()

    def hang() -> None:
        model.fakes[GCP].hanging = True

    outcome = drive(f"{model.url}/infer", 2, RATE, hang)
    assert outcome.failed == []
    until(lambda: model.healthy() == {AWS, AZURE})


def test_target_that_answers_too_late_is_passed_over(model: Model) -> None:
    model.publish()
    model.fakes[AWS].delay_seconds = 3 * model.gateway.try_seconds
    outcome = drive(f"{model.url}/infer", 3, 50)
    assert outcome.failed == []
    assert outcome.targets[AWS] == 0


def test_all_targets_may_stall_for_a_moment(model: Model) -> None:
    """All are ejected for it, and are tried all the same: refusing would make seconds of outage of a moment's stall."""
    model.publish()

    def stall(hanging: bool) -> None:
        for fake in model.fakes.values():
            fake.hanging = hanging

    outcome = drive(f"{model.url}/infer", 4.5, RATE, lambda: stall(True), lambda: stall(False))
    assert outcome.failed == []


def test_requests_with_two_of_three_targets_dead_succeed(model: Model) -> None:
    model.publish()
    outcome = drive(f"{model.url}/infer", 2, RATE, model.fakes[AWS].kill, model.fakes[GCP].kill)
    assert outcome.failed == []
    assert set(outcome.order[-RATE // 4 :]) == {AZURE}


def test_target_that_dies_without_traffic_is_detected(model: Model) -> None:
    model.publish()
    until(lambda: model.healthy() == {AWS, GCP, AZURE})
    model.fakes[AZURE].kill()
    until(lambda: model.healthy() == {AWS, GCP})


def test_weights_and_versions_change_under_load(model: Model) -> None:
    model.publish()

    def drain_aws() -> None:
        model.publish({AWS: 0, GCP: 50, AZURE: 50})

    def next_version() -> None:
        model.version = "1.1.0"
        model.publish()

    def only_aws() -> None:
        model.publish({AWS: 1})

    outcome = drive(f"{model.url}/infer", 5, RATE, drain_aws, next_version, only_aws)
    assert outcome.failed == []
    assert set(outcome.order[-RATE // 4 :]) == {AWS}
    assert model.infer().headers["x-intermodal-version"] == "1.1.0"
