"""Several targets of one cloud, and several regions of one target, in one route: each is an upstream of its own."""

import time
from collections.abc import Iterator

import httpx
import pytest

from intermodal.platform.errors import SpecError
from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Disturbance
from intermodal.platform.targets import Target
from intermodal.resources.envoy.control.admin import Admin
from intermodal.resources.envoy.metrics import EnvoyMetrics
from tests.resources.envoy.conftest import Model, target_of, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import always, predicted
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP

RATE = 200
SEVERAL = (AWS, EKS, AWS_EU, GCP)


@pytest.fixture
def model(model: Model) -> Iterator[Model]:
    model.serve(*SEVERAL)
    yield model
    for target in model.gateway.disturbances():
        model.gateway.disturb(target, None)


def test_targets_of_one_cloud_get_their_weights(model: Model) -> None:
    model.publish({AWS: 1, EKS: 1, AWS_EU: 2, GCP: 0})
    outcome = drive(f"{model.url}/infer", 2, RATE)
    assert outcome.failed == []
    assert set(outcome.targets) == {AWS, EKS, AWS_EU}
    assert 0.35 < outcome.targets[AWS_EU] / outcome.targets.total() < 0.65
    assert list(model.gateway.upstream_health(model.name)) == list(SEVERAL)
    assert model.healthy() == set(SEVERAL)
    answer = model.infer()
    assert answer.headers["x-intermodal-cloud"] == "aws"
    assert answer.headers["x-intermodal-target"] in {"aws/sagemaker", "aws/eks", "aws/sagemaker@eu-west-1"}
    assert model.gateway.addresses(model.name) == {target: fake.url for target, fake in model.fakes.items()}


def test_region_is_drained_alone(model: Model) -> None:
    model.publish()
    outcome = drive(f"{model.url}/infer", 2, RATE, lambda: model.gateway.shift(model.name, {AWS: 1, EKS: 1, GCP: 1}))
    assert outcome.failed == []
    assert outcome.targets[AWS_EU] > 0
    assert set(outcome.order[-RATE // 2 :]) == {AWS, EKS, GCP}
    route = model.gateway.route(model.name)
    assert route is not None
    assert list(route.weights.items()) == [(AWS, 1), (EKS, 1), (AWS_EU, 0), (GCP, 1)]


def test_killed_target_leaves_those_of_its_cloud_serving(model: Model) -> None:
    model.publish()
    outcome = drive(f"{model.url}/infer", 2, RATE, model.fakes[EKS].kill)
    assert outcome.failed == []
    assert set(outcome.order[-RATE // 2 :]) == {AWS, AWS_EU, GCP}
    until(lambda: model.healthy() == {AWS, AWS_EU, GCP})
    model.fakes[EKS].start()
    until(lambda: model.healthy() == set(SEVERAL))


def test_another_site_is_tried_before_the_same(model: Model) -> None:
    """The order of a route that begins with AWS: another cloud, another region, the same site."""
    model.gateway = model.gateway.model_copy(update={"probe_seconds": 60})
    model.publish({AWS: 1, EKS: 0, AWS_EU: 0, GCP: 0})
    until(lambda: model.healthy() == set(SEVERAL))
    model.publish({AWS: 10000, EKS: 1, AWS_EU: 1, GCP: 1})
    for broken, successor in ((AWS, GCP), (GCP, AWS_EU), (AWS_EU, EKS)):
        model.fakes[broken].answer = always(429)
        outcome = drive(f"{model.url}/infer", 0.2, 20)
        assert outcome.failed == []
        assert outcome.targets.most_common(1)[0][0] == successor


def test_two_upstreams_on_one_target_are_refused(model: Model) -> None:
    upstream = Upstream(AWS, "1.0.0", model.fakes[AWS].url)
    with pytest.raises(SpecError, match="two upstreams on one target"):
        model.gateway.publish(model.route({AWS: 1}), [upstream, upstream])
    model.publish()
    with pytest.raises(SpecError, match="two upstreams on one target"):
        model.gateway.shift(model.name, {AWS: 1}, [upstream, upstream])
    with pytest.raises(SpecError, match="no upstream on azure/ml"):
        model.gateway.shift(model.name, {AWS: 1, AZURE: 1})


@pytest.mark.parametrize(("disturbed", "spared"), [(AWS, AWS_EU), (AWS_EU, AWS), (EKS, AWS)])
def test_drill_of_a_target_spares_the_others_of_its_cloud(model: Model, disturbed: Target, spared: Target) -> None:
    model.publish()
    until(lambda: model.healthy() == set(SEVERAL))
    model.gateway.disturb(disturbed, Disturbance(abort_percent=100))
    model.fakes[disturbed].count = 0
    assert model.gateway.disturbances() == {disturbed: Disturbance(abort_percent=100)}
    outcome = drive(f"{model.url}/infer", 1, RATE)
    assert outcome.failed == []
    assert set(outcome.targets) == set(SEVERAL) - {disturbed}
    assert model.fakes[disturbed].count == 0
    until(lambda: model.healthy() == set(SEVERAL) - {disturbed})
    counted = Admin(model.gateway.admin_url).stats("Counters", rf"^cluster\.{model.name}/{spared}/.*ejections_detected")
    assert set(counted.values()) <= {0}
    model.gateway.disturb(disturbed, None)
    until(lambda: model.healthy() == set(SEVERAL))


def test_drills_of_two_targets_are_set_and_ended_apart(model: Model) -> None:
    model.publish({AWS: 1, AWS_EU: 1})
    slow, down = Disturbance(delay_percent=100, delay_ms=1), Disturbance(abort_percent=100, abort_status=429)
    model.gateway.disturb(AWS, slow)
    model.gateway.disturb(AWS_EU, down)
    assert model.gateway.disturbances() == {AWS: slow, AWS_EU: down}
    model.gateway.disturb(AWS_EU, None)
    assert model.gateway.disturbances() == {AWS: slow}


def test_drill_applies_to_an_upstream_published_meanwhile(model: Model) -> None:
    model.gateway.disturb(AWS_EU, Disturbance(abort_percent=100))
    model.publish({AWS_EU: 1})
    assert model.infer().status_code == 503
    model.publish({AWS: 1})
    assert target_of(model.infer()) == AWS
    model.version = "1.1.0"
    model.publish({AWS: 1, AWS_EU: 1})
    outcome = drive(f"{model.url}/infer", 0.5, RATE)
    assert outcome.failed == []
    assert set(outcome.targets) == {AWS}
    model.gateway.disturb(AWS_EU, None)
    until(lambda: model.healthy() == {AWS, AWS_EU})
    until(lambda: target_of(model.infer()) == AWS_EU)


def test_figures_are_by_target(model: Model) -> None:
    model.publish()
    metrics = EnvoyMetrics(admin_url=model.gateway.admin_url, directory=model.gateway.directory)
    metrics.read(60, model.name)
    time.sleep(1.1)
    model.fakes[AWS_EU].answer = lambda request, body: (
        predicted(request, body) if "x-intermodal-probe" in request.headers else always(500)(request, body)
    )
    drive(f"{model.url}/infer", 1, 60)
    rows = {row.target: row for row in metrics.read(3, model.name)}
    assert set(rows) == set(SEVERAL)
    assert {target for target, row in rows.items() if row.error_rate} == {AWS_EU}
    text = httpx.get(f"{model.gateway.admin_url}/stats/prometheus", params={"filter": model.name}).text
    healthy = [line for line in text.splitlines() if line.startswith("envoy_cluster_membership_healthy{")]
    for target in SEVERAL:
        labels = f'model="{model.name}",target="{target}",cloud="{target.cloud}"'
        assert any(labels in line for line in healthy), target
        assert f"envoy_intermodal_tries_total{{{labels}," in text


def test_model_with_dots_has_its_labels(model: Model) -> None:
    dotted = Model(model.gateway, f"{model.name}.x.y", model.fakes)
    dotted.publish()
    try:
        stats = f"{model.gateway.admin_url}/stats/prometheus"
        text = httpx.get(stats, params={"filter": f"{model.name}.x.y.*membership_healthy"}).text
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert lines
        for line in lines:
            assert line.startswith("envoy_cluster_membership_healthy{")
            assert f'model="{dotted.name}"' in line
    finally:
        dotted.gateway.withdraw(dotted.name)
