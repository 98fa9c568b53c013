"""Vertex AI in Cloud Monitoring: the conformance suite with the real adapter against the sandbox."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest

from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.gcp.targets.vertex import figures as module
from intermodal.resources.gcp.targets.vertex.figures import VertexFigures
from intermodal.resources.gcp.targets.vertex.target import VertexTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import Upload
from tests.conformance.monitor import MonitorConformance
from tests.resources.gcp.support import make_vertex, uploader
from tests.sandbox_fixture import Sandbox


@pytest.mark.sandbox
class TestVertexMonitoring(MonitorConformance):
    adapter: ClassVar[str] = "gcp/vertex"
    source: ClassVar[str] = "cloud-monitoring"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield dict(sandbox.use("gcp", patch))

    @pytest.fixture(scope="class")
    def make_target(self, variables: dict[str, str]) -> Callable[[str], VertexTarget]:
        fields = {"monitor_delay_seconds": 0, "retry_seconds": 2.5}
        return lambda environment: make_vertex(variables, environment=environment, **fields)

    @pytest.fixture(scope="class")
    def image(self, variables: dict[str, str]) -> str:
        return variables["INTERMODAL_GCP_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: dict[str, str]) -> Upload:
        return uploader(variables)

    def test_figures_slow_cloud_raises_p99(self, target: VertexTarget, endpoint: Endpoint, sandbox: Sandbox) -> None:
        with sandbox.faults("gcp", Faults(latency_ms=400, scope="endpoints")):
            send(target.upstream(endpoint), b"[")
        found = next(row for row in target.figures(1800) if row.version == endpoint.version)
        assert found.p99_ms is not None
        assert 250 < found.p99_ms < 10_000

    def test_figures_replicas_are_counted(self, figures: Figures) -> None:
        assert figures.instances == 1


@pytest.mark.parametrize(("unit", "expected"), [("us", 0.0015), ("ms", 1.5), ("s", 1500.0)])
def test_figures_latency_is_by_the_stated_unit(monkeypatch: pytest.MonkeyPatch, unit: str, expected: float) -> None:
    buckets = {"bucketOptions": {"explicitBuckets": {"bounds": [1, 2]}}, "bucketCounts": ["0", "2"]}
    labels = {"endpoint_id": "m-1-0-0-production"}

    class Series:
        def __init__(self, *_: object) -> None: ...

        def series(self, metric: str, *_: object, **__: object) -> list[dict[str, Any]]:
            point = {"value": {"distributionValue": buckets}}
            found = {"resource": {"labels": labels}, "unit": unit, "points": [point]}
            return [{**found, "metric": {"labels": {"latency_type": "total"}}}] if metric.endswith("latencies") else []

    monkeypatch.setattr(module, "Monitoring", Series)
    endpoint = Endpoint(Target("gcp", "vertex"), labels["endpoint_id"], "m", "1.0.0", "https://x", "ready")
    (row,) = VertexFigures("p", "r").read([endpoint], 60)
    assert row.p50_ms == pytest.approx(expected)
