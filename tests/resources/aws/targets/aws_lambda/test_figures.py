"""Figures of Lambda functions: the conformance suite of monitors against the sandbox's CloudWatch."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from intermodal.platform.ports.metrics import Figures
from intermodal.resources.aws.cloudwatch import Window
from intermodal.resources.aws.targets.aws_lambda import metrics
from intermodal.resources.aws.targets.aws_lambda.metrics import MeasuredFunction
from intermodal.resources.aws.targets.aws_lambda.target import LambdaTarget
from tests.conformance.endpoint_target import Upload
from tests.conformance.monitor import MonitorConformance
from tests.resources.aws.support import make_lambda, uploader
from tests.targets import LAMBDA

SPAN = Window(0, 600, 600.0)
FUNCTION = MeasuredFunction("flight-delay-1-2-0-production", "flight_delay", "1.2.0")


@pytest.mark.sandbox
class TestCloudWatchOfLambda(MonitorConformance):
    adapter: ClassVar[str] = "aws/lambda"
    source: ClassVar[str] = "cloudwatch"
    throttles: ClassVar[bool] = True
    instances: ClassVar[bool] = False

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[str], LambdaTarget]:
        fields = {"monitor_delay_seconds": 0, "max_attempts": 4}
        return lambda environment: make_lambda(variables, environment=environment, **fields)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AWS_IMAGE"]


def test_queries_are_of_the_alias_with_sums_by_the_minute() -> None:
    found = {query["Id"]: query["MetricStat"] for query in metrics.queries(FUNCTION, 3, SPAN)}
    dimensions = {tuple(item.values()) for item in found["e3_requests"]["Metric"]["Dimensions"]}
    assert dimensions == {("FunctionName", FUNCTION.name), ("Resource", f"{FUNCTION.name}:live")}
    assert (found["e3_failed"]["Period"], found["e3_p99"]["Period"]) == (60, 600)


def test_figures_count_throttled_requests_apart_from_failed_ones() -> None:
    values = {"e0_requests": [4.0, 4.0], "e0_failed": [1.0], "e0_throttled": [2.0], "e0_p50": [3.5, 4.5]}
    found = metrics.figures(LAMBDA, FUNCTION, 0, SPAN, values)
    expected = Figures("cloudwatch", "flight_delay", LAMBDA, "1.2.0", 10 / 600, 0.1, 0.2, p50_ms=4.5)
    assert found == expected


def test_figures_of_no_requests_have_no_rates_and_no_latencies() -> None:
    found = metrics.figures(LAMBDA, FUNCTION, 0, SPAN, {})
    assert (found.requests, found.error_rate, found.throttled, found.p99_ms) == (0, 0, 0, None)
