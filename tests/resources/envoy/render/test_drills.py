"""Drills at the gateway: a fault that Envoy makes is passed over, seen and undone as a real one would be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Disturbance, Totals
from intermodal.platform.resilience.drills import DISTURBANCES
from intermodal.resources.envoy.control.admin import Admin
from intermodal.resources.envoy.gateway import EnvoyGateway
from tests.resources.envoy.conftest import Model, running, target_of, until
from tests.resources.envoy.control.test_publish import snapshot
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import FakeUpstream
from tests.targets import AWS, AZURE, GCP, TARGETS

RATE = 200


@pytest.fixture(autouse=True)
def _no_drill_is_left(gateway: EnvoyGateway) -> Iterator[None]:
    yield
    for target in gateway.disturbances():
        gateway.disturb(target, None)


@pytest.mark.parametrize("kind", ["outage", "brownout", "throttle"])
def test_drill_fails_no_request_and_is_visible(model: Model, kind: str) -> None:
    model.publish()
    before, files = model.gateway.totals().get(model.name, Totals()), snapshot(model.gateway)

    def begin() -> None:
        model.gateway.disturb(GCP, DISTURBANCES[kind])  # type: ignore[index]

    outcome = drive(f"{model.url}/infer", 2.5, RATE, begin)
    assert outcome.failed == []
    assert model.gateway.disturbances() == {GCP: DISTURBANCES[kind]}  # type: ignore[index]
    counted = model.gateway.totals().get(model.name, Totals()).since(before)
    assert (counted.requests, counted.failed) == (int(2.5 * RATE), 0)
    assert counted.retried > 0
    until(lambda: not model.gateway.health()[model.name][GCP])
    assert snapshot(model.gateway) == files
    model.gateway.disturb(GCP, None)
    assert model.gateway.disturbances() == {}
    until(lambda: model.healthy() == set(TARGETS))


def test_outage_reaches_no_endpoint_and_ejects(model: Model) -> None:
    model.publish()
    gcp, others = model.fakes[GCP], {AWS, AZURE}
    until(lambda: model.healthy() == set(TARGETS))
    model.gateway.disturb(GCP, Disturbance(abort_percent=100))
    gcp.count = 0
    outcome = drive(f"{model.url}/infer", 0.8, RATE)
    assert outcome.failed == []
    assert set(outcome.order) == others
    assert gcp.count == 0
    pattern = f"^cluster\\.{model.name}/gcp/.*(ejections_enforced_total|health_check.failure)$"
    assert sum(Admin(model.gateway.admin_url).stats("Counters", pattern).values()) > 0


def test_response_delayed_too_long_is_tried_elsewhere(model: Model) -> None:
    model.publish({AWS: 1, GCP: 0, AZURE: 0})
    model.gateway.shift(model.name, {AWS: 1, GCP: 1})
    late = Disturbance(delay_percent=100, delay_ms=int(3000 * model.gateway.try_seconds))
    model.gateway.disturb(AWS, late)
    assert {target_of(model.infer()) for _ in range(4)} == {GCP}
    until(lambda: model.healthy() == {GCP, AZURE})


def test_short_delay_is_no_failure(model: Model) -> None:
    model.publish({AWS: 1})
    model.gateway.disturb(AWS, Disturbance(delay_percent=100, delay_ms=300))
    answer = model.infer()
    assert target_of(answer) == AWS
    assert answer.elapsed.total_seconds() > 0.25  # Envoy and the client round


def test_drill_with_a_status_leaves_other_targets_alone(model: Model) -> None:
    model.publish({AWS: 1})
    model.gateway.disturb(AWS, Disturbance(abort_percent=100, abort_status=429))
    assert model.infer().status_code == 429
    model.gateway.disturb(AWS, Disturbance(abort_percent=100, abort_status=403))
    assert model.infer().status_code == 503
    model.gateway.disturb(AWS, None)
    model.gateway.disturb(GCP, Disturbance(abort_percent=100))
    until(lambda: model.infer().status_code == 200)


def test_drill_ends_with_its_envoy(tmp_path: Path) -> None:
    fake = FakeUpstream()
    with running(tmp_path) as gateway:
        model = Model(gateway, "flight_delay", {AWS: fake})
        model.publish()
        gateway.disturb(AWS, Disturbance(abort_percent=100))
        assert model.infer().status_code == 503
        assert gateway.totals().get(model.name, Totals()) == Totals(requests=1, failed=1, retried=0)
    with pytest.raises(Unavailable):
        gateway.disturb(AWS, None)
    with running(tmp_path) as gateway:
        assert gateway.disturbances() == {}
        model = Model(gateway, "flight_delay", {AWS: fake})
        until(lambda: model.infer().status_code == 200)
    fake.close()
