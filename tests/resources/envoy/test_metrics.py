"""Figures from Envoy's own counters: right against what was sent, over the span that was measured."""

import time
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.samples import Sample

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports.gateway import Totals, Tries
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.envoy.gateway import EnvoyGateway
from intermodal.resources.envoy.metrics import EnvoyMetrics
from intermodal.resources.envoy.stats import counters, history, samples
from intermodal.resources.envoy.stats.config import BUCKETS_MS
from intermodal.resources.envoy.stats.history import Reading
from tests.resources.envoy.conftest import GOLDEN, Model, until
from tests.resources.envoy.load import drive
from tests.resources.envoy.upstreams import always
from tests.targets import AWS, AZURE, GCP


@pytest.fixture
def metrics(gateway: EnvoyGateway) -> EnvoyMetrics:
    return EnvoyMetrics(admin_url=gateway.admin_url, directory=gateway.directory)


def reading_kept(metrics: EnvoyMetrics, model: Model) -> None:
    """A reading that the next read of a second or more finds."""
    metrics.read(60, model.name)
    time.sleep(1.1)


def rows(metrics: EnvoyMetrics, model: Model) -> tuple[float, dict[Target, Figures]]:
    span, found = metrics.measured(3, model.name)
    return span, {row.target: row for row in found}


def test_requests_errors_and_throttling_are_those_that_were_sent(model: Model, metrics: EnvoyMetrics) -> None:
    # A probe between the target's fault and the first request would leave it without requests.
    model.gateway = model.gateway.model_copy(update={"probe_seconds": 60})
    model.publish()
    reading_kept(metrics, model)
    model.fakes[AWS].answer = always(500)
    model.fakes[GCP].answer = always(429)
    drive(f"{model.url}/infer", 1, 60)
    model.fakes[GCP].answer = always(400)
    model.infer(content="{}")
    span, found = rows(metrics, model)
    assert set(found) == {AWS, GCP, AZURE}
    assert round(found[AZURE].requests * span) in (60, 61)  # the last one may have been AZURE's
    assert (found[AZURE].error_rate, found[AZURE].throttled) == (0, 0)
    assert (found[AWS].error_rate, found[AWS].throttled) == (1, 0)
    assert found[GCP].error_rate == 0
    assert (found[GCP].throttled or 0) > 0.5
    assert {(row.source, row.model, row.version) for row in found.values()} == {("gateway", model.name, "1.0.0")}


def test_target_that_does_not_answer_is_an_error(model: Model, metrics: EnvoyMetrics) -> None:
    model.publish({AWS: 1, GCP: 1})
    reading_kept(metrics, model)
    model.fakes[AWS].hanging = True
    outcome = drive(f"{model.url}/infer", 0.5, 40)
    assert outcome.failed == []
    _, found = rows(metrics, model)
    assert found[AWS].error_rate == 1
    assert (found[AWS].p50_ms, found[GCP].error_rate) == (None, 0)
    assert model.gateway.totals().get(model.name, Totals()).retried > 0


def test_latencies_are_those_of_the_target(model: Model, metrics: EnvoyMetrics) -> None:
    model.publish({AWS: 1, GCP: 1})
    reading_kept(metrics, model)
    model.fakes[AWS].delay_seconds = 0.45
    drive(f"{model.url}/infer", 1, 60)
    found: dict[Target, Figures] = {}

    def merged() -> bool:
        found.update(rows(metrics, model)[1])
        return found[AWS].p50_ms is not None and found[GCP].p50_ms is not None

    until(merged)
    assert 400 <= found[AWS].p50_ms <= found[AWS].p95_ms <= found[AWS].p99_ms  # type: ignore[operator]
    assert found[GCP].p50_ms < 400  # type: ignore[operator]


def test_probes_are_marked_and_not_counted(model: Model, metrics: EnvoyMetrics) -> None:
    model.publish({AWS: 1})
    aws = model.fakes[AWS]
    seen = aws.count
    until(lambda: aws.count > seen)
    assert aws.last_headers["x-intermodal-probe"] == "1"
    assert httpx.get(f"{model.url}/ready").status_code == 200
    assert aws.last_headers["x-intermodal-probe"] == "1"
    assert rows(metrics, model)[1] == {}
    assert model.gateway.totals().get(model.name, Totals()).requests == 0
    httpx.post(f"{model.url}/infer", content=GOLDEN, headers={"x-intermodal-probe": "1"})
    assert "x-intermodal-probe" not in aws.last_headers
    assert model.gateway.totals().get(model.name, Totals()).requests == 1


def test_caller_that_left_is_counted_separately(model: Model) -> None:
    """What the alert on the error budget goes by: a drill counts it as failed, the alert does not."""
    model.publish({AWS: 1})
    model.fakes[AWS].hanging = model.fakes[GCP].hanging = model.fakes[AZURE].hanging = True
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{model.url}/infer", content=GOLDEN, timeout=0.3)
    left = f'envoy_intermodal_answers_total{{model="{model.name}",code="0",tries="1",flags="DC"}} 1'
    stats = f"{model.gateway.admin_url}/stats/prometheus"
    until(lambda: left in httpx.get(stats, params={"filter": model.name}).text)
    assert model.gateway.totals()[model.name] == Totals(requests=1, failed=1, retried=0)


def test_versions_are_counted_apart(model: Model, metrics: EnvoyMetrics) -> None:
    model.publish({AWS: 1})
    reading_kept(metrics, model)
    model.infer()
    model.version = "1.1.0"
    model.publish({AWS: 1})
    model.infer()
    assert {row.version for row in metrics.read(3, model.name)} == {"1.0.0", "1.1.0"}


def test_series_of_prometheus_are_labelled(model: Model) -> None:
    model.publish({AWS: 1})
    model.infer()
    text = httpx.get(f"{model.gateway.admin_url}/stats/prometheus", params={"filter": model.name}).text
    labels = f'{{model="{model.name}",target="{AWS}",cloud="aws",version="1.0.0",code="200"}}'
    assert f"envoy_intermodal_tries_total{labels} 1" in text
    assert f'envoy_intermodal_answers_total{{model="{model.name}",code="200",tries="1",flags="-"}} 1' in text
    healthy = [line for line in text.splitlines() if line.startswith("envoy_cluster_membership_healthy{")]
    labels = f'model="{model.name}",target="{AWS}",cloud="aws"'
    assert any(f"{labels}}} 1" in line for line in healthy)
    until(lambda: bounds(model) == {*(f"{bound * 1000:g}" for bound in BUCKETS_MS), "+Inf"})


def bounds(model: Model) -> set[str]:
    text = httpx.get(f"{model.gateway.admin_url}/stats/prometheus", params={"filter": f"tries_.*{model.name}"}).text
    found = samples.parse(text)
    return {
        sample.labels["le"] if sample.labels["le"] == "+Inf" else f"{float(sample.labels['le']):g}"
        for sample in found
        if sample.name == counters.TIMES
    }


def test_metrics_without_a_gateway_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no gateway"):
        EnvoyMetrics(admin_url="http://127.0.0.1:1", directory=str(tmp_path / "none")).read(60)
    with pytest.raises(Unavailable, match="does not answer"):
        EnvoyMetrics(admin_url="http://127.0.0.1:1", directory=str(tmp_path)).read(60)


@given(st.lists(st.integers(1, 59_999_999), min_size=1, max_size=50), st.floats(0.01, 1))
def test_quantile_lies_in_the_bucket_of_the_true_one(values: list[int], share: float) -> None:
    uppers = [*(bound * 1000 for bound in BUCKETS_MS), float("inf")]
    within = {upper: sum(value <= upper for value in values) for upper in uppers}
    found = counters.quantile_ms(within, share)
    true = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    upper = min(upper for upper in uppers if true <= upper)
    lower = max([0.0, *(bound for bound in uppers if bound < true)])
    assert found is not None
    assert lower <= found * 1000 * (1 + 1e-9)
    assert found * 1000 <= upper * (1 + 1e-9)


def test_no_value_has_no_quantile() -> None:
    assert counters.quantile_ms({}, 0.5) is None
    assert counters.quantile_ms({500.0: 0, float("inf"): 0}, 0.5) is None
    assert counters.quantile_ms({500.0: 0, float("inf"): 3}, 0.5) == 0.5


def test_count_that_fell_has_restarted_from_zero() -> None:
    before, after = Tries({"200": 10}, {500.0: 10}), Tries({"200": 4, "503": 1}, {500.0: 4})
    assert after.since(before) == after
    assert Tries({"200": 12}, {500.0: 12}).since(before) == Tries({"200": 2}, {500.0: 2})


def test_readings_are_kept_evenly_over_a_day(tmp_path: Path) -> None:
    known = {float(read_at): tmp_path / str(read_at) for read_at in range(0, 2 * 86400, 30)}
    now = max(known)
    kept = history.spaced(known, now)
    assert now in kept
    assert len(kept) < 60
    for ago in (60, 300, 3600, 43200):
        assert min(abs(now - read_at - ago) for read_at in kept) <= 0.3 * ago


def test_reading_before_a_restart_of_envoy_is_not_found(tmp_path: Path) -> None:
    counted = {("m", AWS, "1.0.0"): Tries({"200": 3}, {500.0: 3, float("inf"): 3})}
    for read_at in (1000.0, 1050.0):
        history.keep(tmp_path / "figures", Reading(read_at, 900.0, counted))
    found = history.nearest(tmp_path / "figures", 1060.0, 60, 900.5)
    assert found == Reading(1000.0, 900.0, counted)
    assert history.nearest(tmp_path / "figures", 1060.0, 60, 950.0) is None
    assert history.nearest(tmp_path / "figures", 1060.0, 4, 900.0) is None


@pytest.mark.parametrize("text", ['[900.0, [["m", "aws", "1.0.0", {"200": 3}, []]]]', "", "[900.0]", "{}"])
def test_a_reading_of_an_earlier_release_or_damaged_is_none(tmp_path: Path, text: str) -> None:
    counted = {("m", AWS, "1.0.0"): Tries({"200": 3})}
    history.keep(tmp_path, Reading(1000.0, 900.0, counted))
    (tmp_path / "1001.000.json").write_text(text)
    found = history.nearest(tmp_path, 1060.0, 59, 900.0)
    assert found is not None
    assert found.time == 1000.0


def test_counters_of_an_earlier_release_are_left_out() -> None:
    old = {"model": "m", "cloud": "aws", "version": "1.0.0", "code": "200"}
    rows = [Sample(counters.TRIES, old, 5), Sample(counters.TRIES, {**old, "target": str(AWS)}, 3)]
    assert counters.of(rows) == {("m", AWS, "1.0.0"): Tries({"200": 3})}
