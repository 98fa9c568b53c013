"""Shifting traffic: at once, under load, without a call to a cloud, and safe to be repeated and killed."""

import json
import os
import time
from pathlib import Path

import pytest

from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.ports.endpoints import BearerToken, Upstream
from intermodal.resources.envoy import files
from intermodal.resources.envoy.settings import Paths
from tests.resources.envoy.conftest import Model, target_of, until
from tests.resources.envoy.control.test_publish import Killed, snapshot
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import FakeUpstream, always
from tests.targets import AWS, AZURE, GCP

RATE = 200


def test_traffic_moves_under_load_and_back(model: Model) -> None:
    model.publish()

    def drain() -> None:
        model.gateway.shift(model.name, {GCP: 1, AZURE: 1})

    def back() -> None:
        model.gateway.shift(model.name, {AWS: 1})

    outcome = drive(f"{model.url}/infer", 3, RATE, drain, back)
    assert outcome.failed == []
    middle = outcome.order[len(outcome.order) // 3 + RATE // 4 : 2 * len(outcome.order) // 3 - RATE // 4]
    assert set(middle) == {GCP, AZURE}
    assert set(outcome.order[-RATE // 2 :]) == {AWS}
    assert model.gateway.route(model.name) == model.route({AWS: 1, GCP: 0, AZURE: 0})


@pytest.mark.parametrize("how", ["kill", "hang", "fail"])
def test_traffic_shifts_from_a_dead_upstream(model: Model, how: str) -> None:
    model.publish()
    aws = model.fakes[AWS]

    def die() -> None:
        match how:
            case "kill":
                aws.kill()
            case "hang":
                aws.hanging = True
            case "fail":
                aws.answer = always(500)

    def drain() -> None:
        model.gateway.shift(model.name, {GCP: 1, AZURE: 1})
        aws.count = 0

    outcome = drive(f"{model.url}/infer", 2, RATE, die, drain)
    assert outcome.failed == []
    until(lambda: model.healthy() == {GCP, AZURE})


def test_requests_that_hang_at_a_shift_find_the_next_target(model: Model) -> None:
    """Every request in flight is on its first try when its failover order is replaced, and must still be retried."""
    model.publish({AWS: 1, GCP: 0, AZURE: 0})
    model.gateway.shift(model.name, {AWS: 1, GCP: 1})
    model.fakes[AWS].hanging = True
    outcome = drive(f"{model.url}/infer", 0.6, 50, lambda: model.gateway.shift(model.name, {GCP: 1, AZURE: 1}))
    assert outcome.failed == []


def test_upstream_without_weight_stands_by(model: Model) -> None:
    model.publish({AWS: 0, GCP: 1, AZURE: 1})
    aws = model.fakes[AWS]
    assert model.healthy() == {AWS, GCP, AZURE}
    aws.kill()
    until(lambda: model.healthy() == {GCP, AZURE})
    aws.start()
    until(lambda: AWS in model.healthy())
    assert {target_of(model.infer()) for _ in range(20)} == {GCP, AZURE}
    assert aws.last_headers["x-intermodal-probe"] == "1"
    model.fakes[GCP].kill()
    model.fakes[AZURE].kill()
    for _ in range(20):
        answer = model.infer()
        assert (answer.status_code, target_of(answer)) == (200, AWS)


def test_target_without_an_upstream_has_no_health(model: Model) -> None:
    upstreams = [upstream for upstream in model.upstreams() if upstream.target != AZURE]
    model.gateway.publish(model.route({AWS: 1, GCP: 1, AZURE: 0}), upstreams)
    assert model.healthy() == {AWS, GCP}
    assert set(model.gateway.health()[model.name]) == {AWS, GCP}
    model.gateway.shift(model.name, {GCP: 1, AZURE: 0})
    with pytest.raises(SpecError, match="no upstream on azure/ml"):
        model.gateway.shift(model.name, {GCP: 1, AZURE: 1})


def test_added_upstream_has_its_credential_and_others_keep_theirs(model: Model) -> None:
    model.credentials = {GCP: BearerToken("kept", expires_at=2e9), AZURE: BearerToken("new")}
    *first, last = model.upstreams()
    model.gateway.publish(model.route({AWS: 1, GCP: 1, AZURE: 0}), first)
    outcome = drive(
        f"{model.url}/infer", 1.5, RATE, lambda: model.gateway.shift(model.name, {GCP: 1, AZURE: 1}, [last])
    )
    assert outcome.failed == []
    assert outcome.targets[AZURE] > 0
    assert model.fakes[AZURE].last_headers["authorization"] == "Bearer new"
    assert model.fakes[GCP].last_headers["authorization"] == "Bearer kept"
    assert model.gateway.credential_expiry(model.name) == {GCP: 2e9}


def test_upstream_is_replaced_by_another(model: Model) -> None:
    model.publish({AWS: 1, GCP: 1})
    other = FakeUpstream()
    try:
        model.gateway.shift(model.name, {AWS: 1}, [Upstream(AWS, model.version, other.url)])
        before = model.fakes[AWS].count
        assert model.infer().status_code == 200
        assert other.last_path == "/score"
        assert model.fakes[AWS].count == before
    finally:
        model.gateway.shift(model.name, {GCP: 1})
        other.close()


def test_shift_to_the_same_weights_writes_nothing(model: Model) -> None:
    model.publish()
    model.gateway.shift(model.name, {AWS: 1, AZURE: 3})
    before = snapshot(model.gateway)
    model.gateway.shift(model.name, {AZURE: 3, AWS: 1, GCP: 0})
    assert snapshot(model.gateway) == before


def test_shift_to_invalid_weights_is_refused(model: Model) -> None:
    with pytest.raises(NotFound, match="no route"):
        model.gateway.shift("nobody", {AWS: 1})
    model.publish()
    before = snapshot(model.gateway)
    with pytest.raises(SpecError, match="every upstream has weight 0"):
        model.gateway.shift(model.name, {AWS: 0})
    with pytest.raises(SpecError, match="negative"):
        model.gateway.shift(model.name, {AWS: 1, GCP: -1})
    assert snapshot(model.gateway) == before


@pytest.mark.parametrize("survives", range(5))
def test_shift_killed_between_any_writes_converges(
    model: Model, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    model.publish()
    written: list[str] = []
    real = files.write

    def write(path: Path, text: str) -> bool:
        if len(written) >= survives and text != files.read(path):
            raise Killed
        written.append(path.name)
        return real(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", write)
        patch.setattr(files, "put_back", lambda path, text: write(path, text) if text else None)
        try:
            model.gateway.shift(model.name, {GCP: 1, AZURE: 1})
        except Killed:
            assert survives < 4
    assert model.infer().status_code == 200
    model.gateway.shift(model.name, {GCP: 1, AZURE: 1})
    assert set(drive(f"{model.url}/infer", 0.3, RATE).order) == {GCP, AZURE}
    assert model.gateway.route(model.name) == model.route({AWS: 0, GCP: 1, AZURE: 1})


def test_orders_that_no_request_can_be_in_go_with_a_later_publish(model: Model) -> None:
    model.publish()
    model.gateway.shift(model.name, {GCP: 1, AZURE: 1})
    paths = Paths(Path(model.gateway.directory))

    def orders() -> set[str]:
        return {
            cluster["name"]
            for cluster in json.loads(paths.clusters.read_text())["resources"]
            if "cluster_type" in cluster and model.name in cluster["name"]
        }

    assert len(orders()) == 3 + 1  # gcp, azure, then aws is one of the three
    long_ago = time.time() - 3600
    os.utime(paths.entrance, (long_ago, long_ago))
    model.gateway.shift(model.name, {GCP: 1, AZURE: 2})
    assert len(orders()) == 2
    assert model.infer().status_code == 200
