"""Cloud Monitoring: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from google.auth.transport.requests import AuthorizedSession

from intermodal.platform.errors import IntermodalError
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Cloud
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.targets.cloud_run.figures import CloudMonitoringMetrics
from intermodal.resources.gcp.targets.cloud_run.target import CloudRunTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import Upload, eventually
from tests.conformance.monitor import MonitorConformance
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


class TestCloudMonitoring(MonitorConformance):
    cloud: ClassVar[Cloud] = "gcp"
    source: ClassVar[str] = "cloud-monitoring"

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[dict[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield dict(sandbox.use("gcp", patch))

    @pytest.fixture(scope="class")
    def make_target(self, variables: dict[str, str]) -> Callable[[], CloudRunTarget]:
        return lambda: CloudRunTarget(
            project=variables["GOOGLE_CLOUD_PROJECT"],
            region=variables["INTERMODAL_GCP_REGION"],
            endpoint=variables["INTERMODAL_GCP_RUN_ENDPOINT"],
            timeout_seconds=60,
            retry_seconds=2.5,
        )

    @pytest.fixture(scope="class")
    def make_metrics(self, variables: dict[str, str]) -> Callable[[str], CloudMonitoringMetrics]:
        return lambda environment: CloudMonitoringMetrics(
            project=variables["GOOGLE_CLOUD_PROJECT"],
            region=variables["INTERMODAL_GCP_REGION"],
            environment=environment,
            endpoint=variables["INTERMODAL_GCP_MONITORING_ENDPOINT"],
            run_endpoint=variables["INTERMODAL_GCP_RUN_ENDPOINT"],
            delay_seconds=0,
            retry_seconds=2.5,
        )

    @pytest.fixture(scope="class")
    def image(self, variables: dict[str, str]) -> str:
        return variables["INTERMODAL_GCP_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: dict[str, str]) -> Upload:
        bucket = variables["INTERMODAL_GCP_BUCKET"]
        url = f"{variables['INTERMODAL_GCP_STORAGE_ENDPOINT']}/upload/storage/v1/b/{bucket}/o"

        def send_all(folder: Path, prefix: str) -> str:
            session = AuthorizedSession(identity.credentials())
            for path in folder.iterdir():
                params = {"uploadType": "media", "name": f"{prefix}/{path.name}"}
                session.post(url, params=params, data=path.read_bytes()).raise_for_status()
            return f"gs://{bucket}/{prefix}"

        return send_all

    def test_a_start_is_a_cold_start(self, figures: Figures) -> None:
        assert figures.cold_starts == 1

    def test_the_processor_in_use_is_the_saturation(self, metrics: CloudMonitoringMetrics, figures: Figures) -> None:
        assert figures.requests > 0
        eventually(lambda: all(one.saturation is not None for one in metrics.read(1800)))

    def test_refused_and_throttled_requests_reach_no_container_and_are_not_counted(
        self, target: CloudRunTarget, metrics: CloudMonitoringMetrics, figures: Figures, sandbox: Sandbox
    ) -> None:
        assert figures.requests > 0
        before = _total(metrics)
        upstream = target.upstream(next(one for one in target.list("monitored") if one.version == "1.2.0"))
        assert send(replace(upstream, credential=None), b"[").status_code == 403
        with sandbox.faults("gcp", Faults(throttle_rate=1, scope="endpoints")):
            assert send(upstream, b"[").status_code == 429
        assert _total(metrics) == before

    def test_a_slow_cloud_is_seen(
        self, target: CloudRunTarget, endpoint: Endpoint, metrics: CloudMonitoringMetrics, sandbox: Sandbox
    ) -> None:
        with sandbox.faults("gcp", Faults(latency_ms=400, scope="endpoints")):
            send(target.upstream(endpoint), b"[")
        found = next(one for one in metrics.read(1800) if one.version == endpoint.version)
        assert found.p99_ms is not None
        assert found.p99_ms > 250

    def test_a_monitor_that_is_not_there_is_named(self, metrics: CloudMonitoringMetrics, endpoint: Endpoint) -> None:
        nobody = metrics.model_copy(update={"endpoint": "http://127.0.0.1:9"})
        with pytest.raises(IntermodalError, match="Cloud Monitoring") as caught:
            nobody.read(60, endpoint.model)
        assert caught.value.hint

    def test_a_redeployed_service_is_one_row_with_all_its_requests(
        self, target: CloudRunTarget, metrics: CloudMonitoringMetrics, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        before = _total(metrics)
        target.deploy(replace(request_, tags={"cost_centre": "another"}))
        send(target.upstream(endpoint), b"[")
        assert _total(metrics) == before + 1
        found = [one for one in metrics.read(1800) if one.version == endpoint.version]
        assert len(found) == 1
        eventually(lambda: [o.instances for o in metrics.read(1800) if o.version == endpoint.version] == [1])


def _total(metrics: CloudMonitoringMetrics) -> int:
    return round(sum(one.requests for one in metrics.read(1800)) * 1800)
