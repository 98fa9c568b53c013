"""Azure Monitor: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import pytest

from intermodal.platform.errors import Refused
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.azure.monitor import Monitor, Series
from intermodal.resources.azure.targets.ml.figures import _failed, _over_minutes
from intermodal.resources.azure.targets.ml.target import AzureMlTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import Upload
from tests.conformance.monitor import MonitorConformance
from tests.resources.azure.support import make, upload
from tests.sandbox_fixture import Sandbox


@pytest.mark.sandbox
class TestAzureMonitor(MonitorConformance):
    adapter: ClassVar[str] = "azure/ml"
    source: ClassVar[str] = "azure-monitor"
    throttles: ClassVar[bool] = True

    @pytest.fixture(scope="class")
    def variables(self, sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
        with pytest.MonkeyPatch.context() as patch:
            yield sandbox.use("azure", patch)

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[str], AzureMlTarget]:
        return lambda environment: make(variables, environment=environment, monitor_delay_seconds=0)

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AZURE_IMAGE"]

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return partial(upload, variables)

    def test_figures_saturation_is_cpu_use(self, figures: Figures) -> None:
        assert figures.saturation is not None
        assert figures.saturation > 0

    def test_figures_cold_starts_are_not_measured(self, figures: Figures) -> None:
        assert figures.cold_starts is None

    def test_figures_slow_cloud_raises_p99(self, target: AzureMlTarget, endpoint: Endpoint, sandbox: Sandbox) -> None:
        with sandbox.faults("azure", Faults(latency_ms=400, scope="endpoints")):
            send(target.upstream(endpoint), b"[")
        found = next(row for row in target.figures(1800) if row.version == endpoint.version)
        assert found.p99_ms is not None
        assert found.p99_ms > 250

    def test_figures_wrong_key_counts_as_request_without_error(self, target: AzureMlTarget, endpoint: Endpoint) -> None:
        before = next(row for row in target.figures(1800) if row.version == endpoint.version)
        assert send(replace(target.upstream(endpoint), credential=None), b"[").status_code == 401
        after = next(row for row in target.figures(1800) if row.version == endpoint.version)
        assert round((after.requests - before.requests) * 1800) == 1
        assert after.error_rate <= before.error_rate

    def test_figures_redeployed_endpoint_is_one_row(
        self, target: AzureMlTarget, endpoint: Endpoint, request_: DeployRequest
    ) -> None:
        before = sum(row.requests for row in target.figures(1800))
        target.deploy(replace(request_, tags={"cost_centre": "another"}))
        send(target.upstream(endpoint), b"[")
        found = [row for row in target.figures(1800) if row.version == endpoint.version]
        assert len(found) == 1
        assert round((sum(row.requests for row in target.figures(1800)) - before) * 1800) == 1
        assert found[0].instances == 1

    def test_monitor_refusal_has_a_hint(self, target: AzureMlTarget, endpoint: Endpoint, sandbox: Sandbox) -> None:
        monitor = Monitor(target.management_endpoint, target.subscription_id)
        with sandbox.faults("azure", Faults(refuse=True, scope="api")), pytest.raises(Refused) as caught:
            monitor.averages(f"/subscriptions/x/{endpoint.name}", ["RequestsPerMinute"], 0, 60)
        assert caught.value.hint


@pytest.mark.parametrize(
    ("status", "of_model", "failed"),
    [
        ("200", "200", False),
        ("424", "422", False),
        ("424", "500", True),
        ("424", "Unknown", True),
        ("408", "Unknown", True),
        ("429", "Unknown", False),
        ("401", "Unknown", False),
        ("503", "Unknown", True),
    ],
)
def test_failed_is_true_for_errors_of_cloud_or_model(status: str, of_model: str, failed: bool) -> None:
    assert _failed(Series({"statuscode": status, "modelstatuscode": of_model}, {})) is failed


def test_over_minutes_is_weighted_by_requests() -> None:
    latencies = [Series({}, {0: 10.0, 60: 100.0, 120: 1.0})]
    assert _over_minutes(latencies, {0: 90.0, 60: 10.0}) == pytest.approx(19.0)
    assert _over_minutes(latencies, {}) is None
