"""CloudWatch: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import example, given
from hypothesis import strategies as st

from intermodal.platform.errors import Refused, SpecError, Unavailable
from intermodal.platform.ports.endpoints import Endpoint
from intermodal.platform.ports.metrics import Figures
from intermodal.resources.aws import cloudwatch
from intermodal.resources.aws.cloudwatch import MeasuredEndpoint, Window
from intermodal.resources.aws.targets.sagemaker.figures import SageMakerFigures
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from tests.conformance.endpoint_target import Upload, eventually
from tests.conformance.monitor import ENVIRONMENT, SPAN_SECONDS, MonitorConformance
from tests.resources.aws.support import make, uploader
from tests.targets import AWS

ENDPOINT = MeasuredEndpoint("flight-delay-1-2-0-production", "flight_delay", "1.2.0", instances=2, cores=2)
SPAN = Window(0, 600, 600.0)


@pytest.mark.sandbox
class TestCloudWatch(MonitorConformance):
    adapter: ClassVar[str] = "aws/sagemaker"
    source: ClassVar[str] = "cloudwatch"

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[str], SageMakerTarget]:
        fields = {"monitor_delay_seconds": 0, "max_attempts": 4}
        return lambda environment: make(variables, environment=environment, **fields)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AWS_IMAGE"]

    def test_figures_saturation_is_a_share_of_the_cores(self, target: SageMakerTarget, figures: Figures) -> None:
        assert figures.requests > 0

        def measured() -> bool:
            """CloudWatch has none until an instance has run for a while."""
            found = next(row for row in target.figures(SPAN_SECONDS) if row.version == "1.2.0")
            return found.saturation is not None and 0 <= found.saturation <= 1

        eventually(measured)

    def test_figures_with_delay_leave_out_late_minutes(self, figures: Figures, variables: Mapping[str, str]) -> None:
        assert figures.requests > 0
        late = make(variables, environment=ENVIRONMENT, monitor_delay_seconds=3600)
        assert [row.requests for row in late.figures(600, "flight_delay")] == [0, 0]

    def test_figures_have_no_foreign_endpoint(
        self, target: SageMakerTarget, endpoint: Endpoint, figures: Figures
    ) -> None:
        assert figures.requests > 0
        client, theirs = target._sagemaker.client, f"{endpoint.name}-theirs"
        config = client.describe_endpoint(EndpointName=endpoint.name)["EndpointConfigName"]
        client.create_endpoint(EndpointName=theirs, EndpointConfigName=config)
        try:
            assert [row.version for row in target.figures(SPAN_SECONDS)] == ["1.2.0", "1.3.0"]
        finally:
            eventually(lambda: client.describe_endpoint(EndpointName=theirs)["EndpointStatus"] != "Creating")
            client.delete_endpoint(EndpointName=theirs)

    def test_figures_many_endpoints_take_a_call_per_500_queries(
        self, target: SageMakerTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoints = [MeasuredEndpoint(f"e-{n}", "m", f"1.0.{n}", 1, 2) for n in range(130)]
        sizes: list[int] = []

        def count(client: Any, queries: Sequence[dict[str, Any]], span: Window, name: str) -> Iterator[dict[str, Any]]:
            sizes.append(len(queries))
            return original(client, queries, span, name)

        original = cloudwatch.results
        monkeypatch.setattr(SageMakerFigures, "_endpoints", lambda *_: endpoints)
        monkeypatch.setattr(cloudwatch, "results", count)
        assert [row.version for row in target.figures(600)] == [endpoint.version for endpoint in endpoints]
        assert sizes == [500, 500, 40]


@given(
    now=st.floats(1e9, 2e9),
    seconds=st.floats(0.001, cloudwatch.MAX_SPAN_SECONDS),
    late=st.floats(0, 3600, allow_nan=False),
)
@example(now=1.2e9, seconds=1.0, late=0.0)
def test_window_is_whole_minutes_that_cover_the_seconds(now: float, seconds: float, late: float) -> None:
    span = cloudwatch.window(now, seconds, late)
    assert span.start % 60 == span.end % 60 == 0
    assert seconds <= span.end - span.start < seconds + 60
    assert span.end - 60 <= now - late < span.end  # the last minute began that long ago, the next one did not
    assert 0 < span.seconds <= span.end - span.start  # a rate is a number


@pytest.mark.parametrize("seconds", [0, -1, 16 * 86_400, math.nan])
def test_window_span_beyond_cloudwatch_is_a_spec_error(seconds: float) -> None:
    with pytest.raises(SpecError) as caught:
        cloudwatch.window(1e9, seconds, 0)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "error_rate"),
    [
        ({"requests": [60, 40], "failed": [3], "unwell": [3]}, 0.03),  # 5xx of the container are in both
        ({"requests": [100], "wrong": [10], "unwell": [10]}, 0.0),  # mistakes of the callers
        ({"requests": [100], "wrong": [10], "unwell": [15]}, 0.05),  # five hung
        ({"requests": [100], "failed": [4], "wrong": [1], "unwell": [1]}, 0.04),  # never reached the container
        ({"failed": [1]}, 0.0),  # its request was counted a minute earlier
        ({"requests": [1], "failed": [2]}, 1.0),
        ({}, 0.0),
    ],
)
def test_figures_error_rate_counts_5xx_and_no_response(values: Mapping[str, list[float]], error_rate: float) -> None:
    found = cloudwatch.figures(AWS, ENDPOINT, 7, SPAN, {f"e7_{id}": points for id, points in values.items()})
    assert found.error_rate == pytest.approx(error_rate)
    assert found.requests == pytest.approx(sum(values.get("requests", [])) / 600)


def test_figures_units_are_converted() -> None:
    values = {"e0_p50": [4200.0], "e0_p95": [9000.0, 12000.0], "e0_cpu": [50, 150]}
    found = cloudwatch.figures(AWS, ENDPOINT, 0, SPAN, values)
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == (4.2, 12.0, None)
    assert found.saturation == 0.5
    assert (found.throttled, found.cold_starts) == (None, None)


@pytest.mark.parametrize(
    ("type_", "cores"),
    [
        ("ml.m5.large", 2),
        ("ml.c6i.xlarge", 4),
        ("ml.m5.4xlarge", 16),
        ("ml.t2.medium", None),
        ("ml.m7i.metal", None),
        ("", None),
    ],
)
def test_cores_of_instance_type(type_: str, cores: int | None) -> None:
    assert cloudwatch.cores_of(type_) == cores


@pytest.mark.parametrize(("status", "error"), [("InternalError", Unavailable), ("Forbidden", Refused)])
def test_results_metric_that_failed_is_an_error(status: str, error: type[Exception]) -> None:
    client = boto3.session.Session().client(
        "cloudwatch", "us-east-1", aws_access_key_id="nobody", aws_secret_access_key="nothing"
    )
    result = {"Id": "e0_cpu", "Label": "CPUUtilization", "Values": [], "Timestamps": [], "StatusCode": status}
    with Stubber(client) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": [result]})
        with pytest.raises(error, match="CPUUtilization"):
            cloudwatch.read(client, list(cloudwatch.queries(ENDPOINT, 0, SPAN)), SPAN, "SageMaker")
