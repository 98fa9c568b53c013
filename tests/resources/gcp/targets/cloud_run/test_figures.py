"""Cloud Monitoring: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.gcp.targets.cloud_run.target import CloudRunTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import Upload, eventually
from tests.conformance.monitor import MonitorConformance
from tests.resources.gcp.support import make, uploader
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


class TestCloudMonitoring(MonitorConformance):
    adapter: ClassVar[str] = "gcp/cloud-run"
    source: ClassVar[str] = "cloud-monitoring"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield dict(sandbox.use("gcp", patch))

    @pytest.fixture(scope="class")
    def make_target(self, variables: dict[str, str]) -> Callable[[str], CloudRunTarget]:
        fields = {"monitor_delay_seconds": 0, "retry_seconds": 2.5}
        return lambda environment: make(variables, environment=environment, **fields)

    @pytest.fixture(scope="class")
    def image(self, variables: dict[str, str]) -> str:
        return variables["INTERMODAL_GCP_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: dict[str, str]) -> Upload:
        return uploader(variables)

    def test_figures_start_is_a_cold_start(self, figures: Figures) -> None:
        assert figures.cold_starts == 1

    def test_figures_saturation_is_cpu_use(self, target: CloudRunTarget, figures: Figures) -> None:
        assert figures.requests > 0
        eventually(lambda: all(row.saturation is not None for row in target.figures(1800)))

    def test_figures_without_requests_that_reach_no_container(
        self, target: CloudRunTarget, figures: Figures, sandbox: Sandbox
    ) -> None:
        assert figures.requests > 0
        before = _total(target)
        upstream = target.upstream(next(row for row in target.list("monitored") if row.version == "1.2.0"))
        assert send(replace(upstream, credential=None), b"[").status_code == 403
        with sandbox.faults("gcp", Faults(throttle_rate=1, scope="endpoints")):
            assert send(upstream, b"[").status_code == 429
        assert _total(target) == before

    def test_figures_slow_cloud_raises_p99(self, target: CloudRunTarget, endpoint: Endpoint, sandbox: Sandbox) -> None:
        with sandbox.faults("gcp", Faults(latency_ms=400, scope="endpoints")):
            send(target.upstream(endpoint), b"[")
        found = next(row for row in target.figures(1800) if row.version == endpoint.version)
        assert found.p99_ms is not None
        assert found.p99_ms > 250

    def test_figures_unreachable_monitor_is_named(self, target: CloudRunTarget, endpoint: Endpoint) -> None:
        unreachable = target.model_copy(update={"monitoring_endpoint": "http://127.0.0.1:9"})
        with pytest.raises(IntermodalError, match="Cloud Monitoring") as caught:
            unreachable.figures(60, endpoint.model)
        assert caught.value.hint

    def test_figures_redeployed_service_is_one_row(
        self, target: CloudRunTarget, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        before = _total(target)
        target.deploy(replace(request_, tags={"cost_centre": "another"}))
        send(target.upstream(endpoint), b"[")
        assert _total(target) == before + 1
        found = [row for row in target.figures(1800) if row.version == endpoint.version]
        assert len(found) == 1
        eventually(lambda: [row.instances for row in target.figures(1800) if row.version == endpoint.version] == [1])


def _total(target: CloudRunTarget) -> int:
    return round(sum(row.requests for row in target.figures(1800)) * 1800)
