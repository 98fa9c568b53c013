"""Shifting traffic: at once, under load, without asking a cloud, and safe to be repeated and killed."""

import json
import os
import time
from pathlib import Path

import pytest

from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.ports.endpoints import BearerToken, Upstream
from intermodal.resources.envoy import files
from intermodal.resources.envoy.settings import Places
from tests.resources.envoy.conftest import Model, until
from tests.resources.envoy.control.test_publish import Killed, snapshot
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import FakeUpstream, always

RATE = 200


def test_traffic_moves_under_load_and_back(model: Model) -> None:
    model.publish()

    def away() -> None:
        model.gateway.shift(model.name, {"gcp": 1, "azure": 1})

    def back() -> None:
        model.gateway.shift(model.name, {"aws": 1})

    outcome = drive(f"{model.url}/infer", 3, RATE, away, back)
    assert outcome.failed == []
    middle = outcome.order[len(outcome.order) // 3 + RATE // 4 : 2 * len(outcome.order) // 3 - RATE // 4]
    assert set(middle) == {"gcp", "azure"}
    assert set(outcome.order[-RATE // 2 :]) == {"aws"}
    assert model.gateway.route(model.name) == model.route(aws=1, gcp=0, azure=0)


@pytest.mark.parametrize("how", ["kill", "hang", "fail"])
def test_a_dead_upstream_is_shifted_away_from(model: Model, how: str) -> None:
    model.publish()
    aws = model.clouds["aws"]

    def die() -> None:
        match how:
            case "kill":
                aws.kill()
            case "hang":
                aws.hanging = True
            case "fail":
                aws.answer = always(500)

    def away() -> None:
        model.gateway.shift(model.name, {"gcp": 1, "azure": 1})
        aws.count = 0

    outcome = drive(f"{model.url}/infer", 2, RATE, die, away)
    assert outcome.failed == []
    until(lambda: model.healthy() == {"gcp", "azure"})


def test_requests_that_hang_when_the_order_changes_find_the_next_cloud(model: Model) -> None:
    """Every request in flight is on its first try when its failover order is replaced, and must still be retried."""
    model.publish(aws=1, gcp=0, azure=0)
    model.gateway.shift(model.name, {"aws": 1, "gcp": 1})
    model.clouds["aws"].hanging = True
    outcome = drive(f"{model.url}/infer", 0.6, 50, lambda: model.gateway.shift(model.name, {"gcp": 1, "azure": 1}))
    assert outcome.failed == []


def test_an_upstream_without_weight_stands_by(model: Model) -> None:
    model.publish(aws=0, gcp=1, azure=1)
    aws = model.clouds["aws"]
    assert model.healthy() == {"aws", "gcp", "azure"}
    aws.kill()
    until(lambda: model.healthy() == {"gcp", "azure"})
    aws.start()
    until(lambda: "aws" in model.healthy())
    assert {model.infer().headers["x-intermodal-cloud"] for _ in range(20)} == {"gcp", "azure"}
    assert aws.last_headers["x-intermodal-probe"] == "1"
    model.clouds["gcp"].kill()
    model.clouds["azure"].kill()
    for _ in range(20):
        answer = model.infer()
        assert (answer.status_code, answer.headers["x-intermodal-cloud"]) == (200, "aws")


def test_a_cloud_without_an_upstream_is_not_among_the_upstreams(model: Model) -> None:
    upstreams = [one for one in model.upstreams() if one.cloud != "azure"]
    model.gateway.publish(model.route(aws=1, gcp=1, azure=0), upstreams)
    assert model.healthy() == {"aws", "gcp"}
    assert set(model.gateway.health()[model.name]) == {"aws", "gcp"}
    model.gateway.shift(model.name, {"gcp": 1, "azure": 0})
    with pytest.raises(SpecError, match="no upstream on azure"):
        model.gateway.shift(model.name, {"gcp": 1, "azure": 1})


def test_an_upstream_is_added_with_its_credential_and_the_others_keep_theirs(model: Model) -> None:
    model.credentials = {"gcp": BearerToken("kept", expires_at=2e9), "azure": BearerToken("new")}
    first, last = [[one for one in model.upstreams() if (one.cloud == "azure") == late] for late in (False, True)]
    model.gateway.publish(model.route(aws=1, gcp=1, azure=0), first)
    outcome = drive(
        f"{model.url}/infer", 1.5, RATE, lambda: model.gateway.shift(model.name, {"gcp": 1, "azure": 1}, last)
    )
    assert outcome.failed == []
    assert outcome.clouds["azure"] > 0
    assert model.clouds["azure"].last_headers["authorization"] == "Bearer new"
    assert model.clouds["gcp"].last_headers["authorization"] == "Bearer kept"
    assert model.gateway.credential_expiry(model.name) == {"gcp": 2e9}


def test_an_upstream_may_be_replaced_by_another(model: Model) -> None:
    model.publish(aws=1, gcp=1)
    other = FakeUpstream()
    try:
        model.gateway.shift(model.name, {"aws": 1}, [Upstream("aws", model.version, other.url)])
        before = model.clouds["aws"].count
        assert model.infer().status_code == 200
        assert other.last_path == "/score"
        assert model.clouds["aws"].count == before
    finally:
        model.gateway.shift(model.name, {"gcp": 1})
        other.close()


def test_the_same_shift_again_writes_nothing(model: Model) -> None:
    model.publish()
    model.gateway.shift(model.name, {"aws": 1, "azure": 3})
    before = snapshot(model.gateway)
    model.gateway.shift(model.name, {"azure": 3, "aws": 1, "gcp": 0})
    assert snapshot(model.gateway) == before


def test_what_cannot_be_is_refused(model: Model) -> None:
    with pytest.raises(NotFound, match="no route"):
        model.gateway.shift("nobody", {"aws": 1})
    model.publish()
    before = snapshot(model.gateway)
    with pytest.raises(SpecError, match="every upstream has weight 0"):
        model.gateway.shift(model.name, {"aws": 0})
    with pytest.raises(SpecError, match="negative"):
        model.gateway.shift(model.name, {"aws": 1, "gcp": -1})
    assert snapshot(model.gateway) == before


@pytest.mark.parametrize("survives", range(5))
def test_a_kill_between_any_two_writes_converges(model: Model, monkeypatch: pytest.MonkeyPatch, survives: int) -> None:
    model.publish()
    written, real = [], files.write

    def write(path: Path, text: str) -> bool:
        if len(written) >= survives and text != files.read(path):
            raise Killed
        written.append(path.name)
        return real(path, text)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", write)
        patch.setattr(files, "put_back", lambda path, text: write(path, text) if text else None)
        try:
            model.gateway.shift(model.name, {"gcp": 1, "azure": 1})
        except Killed:
            assert survives < 4
    assert model.infer().status_code == 200
    model.gateway.shift(model.name, {"gcp": 1, "azure": 1})
    assert set(drive(f"{model.url}/infer", 0.3, RATE).order) == {"gcp", "azure"}
    assert model.gateway.route(model.name) == model.route(aws=0, gcp=1, azure=1)


def test_orders_that_no_request_can_be_in_go_with_a_later_publish(model: Model) -> None:
    model.publish()
    model.gateway.shift(model.name, {"gcp": 1, "azure": 1})
    places = Places(Path(model.gateway.directory))

    def orders() -> set[str]:
        return {
            one["name"]
            for one in json.loads(places.clusters.read_text())["resources"]
            if "cluster_type" in one and model.name in one["name"]
        }

    assert len(orders()) == 3 + 1  # gcp, azure, then aws is one of the three
    long_ago = time.time() - 3600
    os.utime(places.entrance, (long_ago, long_ago))
    model.gateway.shift(model.name, {"gcp": 1, "azure": 2})
    assert len(orders()) == 2
    assert model.infer().status_code == 200
