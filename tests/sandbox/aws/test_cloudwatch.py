"""What CloudWatch's callers see of an endpoint: figures that the front measured, in AWS's own units and errors."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.sandbox.aws import contract
from intermodal.sandbox.aws.errors import AwsError
from intermodal.sandbox.aws.measures import statistic
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
NAME, VARIANT = "watched", "green"
Query = dict[str, Any]


@pytest.fixture(scope="module")
def cloudwatch(variables: Mapping[str, str]) -> Any:
    """Validates nothing itself, so that what is refused is refused by the sandbox."""
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.session.Session().client("cloudwatch", region_name=variables["AWS_REGION"], config=config)


@pytest.fixture(scope="module")
def package(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_package.build(tmp_path_factory.mktemp("package"))
    for path in folder.iterdir():
        s3.upload_file(str(path), "intermodal", f"watched/{path.name}")
    return folder


@pytest.fixture(scope="module")
def endpoint(sagemaker: Any, variables: Mapping[str, str], package: Path) -> Iterator[str]:
    assert package.exists()
    data = {"S3Uri": "s3://intermodal/watched/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": variables["INTERMODAL_AWS_IMAGE"], "ModelDataSource": {"S3DataSource": data}}
    role = variables["INTERMODAL_AWS_ROLE_ARN"]
    sagemaker.create_model(ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer=container)
    production_variant = {
        "VariantName": VARIANT,
        "ModelName": NAME,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 2,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=NAME, ProductionVariants=[production_variant])
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    deadline = time.monotonic() + 30
    while sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield NAME
    sagemaker.delete_endpoint(EndpointName=NAME)
    sagemaker.delete_endpoint_config(EndpointConfigName=NAME)
    sagemaker.delete_model(ModelName=NAME)


@pytest.fixture(scope="module")
def called(runtime: Any, endpoint: str, package: Path, sandbox: Sandbox) -> None:
    """Five good ones, two that the model refuses, one that the front fails, three that never count."""
    body = v2.request_body(Package.read(package).signature, Golden.read(package).rows)

    def call(body: bytes, name: str = endpoint) -> bool:
        try:
            runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="application/json")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(call, [body] * 5))
    assert not call(b"[")
    assert not call(b"[")
    with sandbox.faults("aws", Faults(error_rate=1, scope="endpoints")):
        assert not call(body)
    with sandbox.faults("aws", Faults(refuse=True, scope="endpoints")):
        assert not call(body)
    with sandbox.faults("aws", Faults(throttle_rate=1, scope="endpoints")):
        assert not call(body)
    assert not call(body, "nobody-home")


def query(metric: str, stat: str = "Sum", id: str = "a", namespace: str = "AWS/SageMaker", **changes: Any) -> Query:
    dimensions = [{"Name": "EndpointName", "Value": NAME}, {"Name": "VariantName", "Value": VARIANT}]
    found = {"Namespace": namespace, "MetricName": metric, "Dimensions": dimensions}
    return {"Id": id, "MetricStat": {"Metric": found, "Period": 600, "Stat": stat} | changes}


def metric_data(cloudwatch: Any, *queries: Query, **more: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    span = {"StartTime": now - timedelta(minutes=9), "EndTime": now + timedelta(minutes=1)}
    results: list[dict[str, Any]] = cloudwatch.get_metric_data(MetricDataQueries=list(queries), **span | more)[
        "MetricDataResults"
    ]
    return results


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    ("metric", "total"),
    [
        ("Invocations", 8),
        ("Invocation4XXErrors", 2),
        ("Invocation5XXErrors", 1),
        ("InvocationModelErrors", 2),
    ],
)
def test_invocations_are_counted_as_sagemaker_counts(cloudwatch: Any, metric: str, total: int) -> None:
    (found,) = metric_data(cloudwatch, query(metric))
    assert (found["Id"], found["Label"], found["StatusCode"]) == ("a", metric, "Complete")
    assert found["Values"] == [total]
    (mean,) = metric_data(cloudwatch, query(metric, "Average"))
    assert mean["Values"] == [pytest.approx(total / 8)]


@pytest.mark.usefixtures("called")
def test_model_latency_is_in_microseconds(cloudwatch: Any) -> None:
    stats = ("Minimum", "p50", "p99", "Maximum", "SampleCount")
    found = metric_data(cloudwatch, *[query("ModelLatency", stat, id=stat.lower()) for stat in stats])
    low, p50, p99, high, count = (result["Values"][0] for result in found)
    assert 100 < low <= p50 <= p99 <= high < 20e6
    assert count == 7
    (none,) = metric_data(cloudwatch, query("ModelLatency", "p50", Unit="Seconds"))
    assert (none["Values"], none["StatusCode"]) == ([], "Complete")


@pytest.mark.usefixtures("called")
def test_points_are_of_whole_periods_from_the_start_and_newest_first(cloudwatch: Any) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start = now - timedelta(minutes=20, seconds=-30)
    (newest,) = metric_data(
        cloudwatch, query("Invocations", Period=60), StartTime=start, EndTime=now + timedelta(minutes=1)
    )
    (oldest,) = metric_data(
        cloudwatch,
        query("Invocations", Period=60),
        StartTime=start,
        EndTime=now + timedelta(minutes=1),
        ScanBy="TimestampAscending",
    )
    assert sum(newest["Values"]) == 8
    assert newest["Timestamps"] == oldest["Timestamps"][::-1]
    assert all(moment.second == 0 and moment >= start.replace(second=0) for moment in newest["Timestamps"])
    assert all(value > 0 for value in newest["Values"])  # no point for a minute in which nothing happened


@pytest.mark.usefixtures("called")
def test_cpu_use_is_in_percent_of_a_core(cloudwatch: Any) -> None:
    wanted = query("CPUUtilization", "Average", namespace="/aws/sagemaker/Endpoints")
    deadline = time.monotonic() + 30
    while not (values := metric_data(cloudwatch, wanted)[0]["Values"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert 0 <= values[0] <= 1600


def test_unknown_endpoint_has_no_points(cloudwatch: Any) -> None:
    unknown = query("Invocations")
    unknown["MetricStat"]["Metric"]["Dimensions"][0]["Value"] = "nobody-home"
    assert metric_data(cloudwatch, unknown)[0]["Values"] == []


@pytest.mark.usefixtures("endpoint")
def test_endpoint_has_its_number_of_instances(sagemaker: Any, sandbox: Sandbox) -> None:
    def counts() -> tuple[int, int]:
        (variant,) = sagemaker.describe_endpoint(EndpointName=NAME)["ProductionVariants"]
        assert variant["VariantName"] == VARIANT
        return variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]

    assert counts() == (2, 2)
    assert len(sandbox.servers("aws")) == 2


def refusal(call: Any, **parameters: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found = caught.value.response
    return found["Error"]["Code"], found["Error"]["Message"], found["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("queries", "code", "says"),
    [
        ([{}], "ValidationError", "Missing required parameter"),
        ([query("Invocations", Unit="Furlongs")], "ValidationError", "enum value set"),
        ([query("Invocations", id="1st")], "InvalidParameterValue", "pattern"),
        ([query("Invocations", Period=90)], "InvalidParameterValue", "multiple of 60"),
        ([query("Invocations"), query("ModelLatency")], "InvalidParameterValue", "unique"),
        ([query("Invocations", id=f"q{n}") for n in range(501)], "InvalidParameterValue", "500"),
        ([{"Id": "a"}], "InvalidParameterValue", "MetricStat"),
    ],
)
def test_wrong_query_is_refused_with_cloudwatchs_codes(
    cloudwatch: Any, queries: list[Query], code: str, says: str
) -> None:
    span = {"StartTime": 0, "EndTime": 60}
    found = refusal(cloudwatch.get_metric_data, MetricDataQueries=queries, **span)
    assert (found[0], found[2]) == (code, 400)
    assert says in found[1]


def test_unknown_member_is_a_validation_exception() -> None:
    wrong = {"MetricDataQueries": [query("Invocations") | {"Colour": "red"}], "StartTime": 0, "EndTime": 60}
    with pytest.raises(AwsError, match="Colour"):  # boto3 itself could not send it
        contract.check("GetMetricData", wrong, "cloudwatch")


def test_span_that_ends_before_it_begins_is_refused(cloudwatch: Any) -> None:
    found = refusal(cloudwatch.get_metric_data, MetricDataQueries=[query("Invocations")], StartTime=60, EndTime=60)
    assert "StartTime must be less" in found[1]


@pytest.mark.usefixtures("called")
@pytest.mark.parametrize(
    "queries",
    [
        [{"Id": "a", "Expression": "SUM(METRICS())"}],
        [query("OverheadLatency", "Average")],
        [query("Invocations", namespace="AWS/Lambda")],
        [query("ModelLatency", "tm90")],
    ],
    ids=["metric math", "another metric", "another service", "another statistic"],
)
def test_operation_that_is_not_emulated_is_named(cloudwatch: Any, queries: list[Query]) -> None:
    with pytest.raises(ClientError) as caught:
        metric_data(cloudwatch, *queries)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_other_operations_are_not_emulated_and_strangers_are_refused(
    cloudwatch: Any, variables: Mapping[str, str]
) -> None:
    assert refusal(cloudwatch.list_metrics)[2] == 501
    stranger = boto3.session.Session().client(
        "cloudwatch",
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="another",
    )
    assert refusal(stranger.list_metrics)[2] == 403


@pytest.mark.parametrize(
    ("faults", "code", "status"),
    [
        (Faults(refuse=True, scope="api"), "AccessDenied", 403),
        (Faults(throttle_rate=1, scope="api"), "Throttling", 400),
        (Faults(error_rate=1, scope="api"), "ServiceUnavailable", 503),
    ],
)
def test_faults_have_the_codes_of_cloudwatch(
    cloudwatch: Any, sandbox: Sandbox, faults: Faults, code: str, status: int
) -> None:
    with sandbox.faults("aws", faults):
        found = refusal(cloudwatch.list_metrics)
    assert (found[0], found[2]) == (code, status)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("Sum", 10.0), ("Average", 2.5), ("Minimum", 1.0), ("Maximum", 4.0), ("SampleCount", 4.0)],
        *[("p0", 1.0), ("p25", 1.0), ("p50", 2.0), ("p75.1", 4.0), ("p99", 4.0), ("p100", 4.0)],
    ],
)
def test_statistics(name: str, value: float) -> None:
    assert statistic(name, [3.0, 1.0, 4.0, 2.0]) == value


@pytest.mark.parametrize("name", ["p101", "p", "IQM", "sum"])
def test_unknown_statistic_is_not_emulated(name: str) -> None:
    with pytest.raises(AwsError, match="statistic"):
        statistic(name, [1.0])
