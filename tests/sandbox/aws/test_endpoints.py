"""What SageMaker's callers see of an endpoint's life, and of the process behind it."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.sandbox.faults import Faults
from tests import tiny_package
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
NAME, BUCKET = "life-of-an-endpoint", "intermodal"


def until(sagemaker: Any, done: Callable[[dict[str, Any]], bool], seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while not done(found := sagemaker.describe_endpoint(EndpointName=NAME)):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return dict(found)


def finished(found: dict[str, Any]) -> bool:
    return found["EndpointStatus"] in ("InService", "Failed")


def revision(sagemaker: Any, variables: Mapping[str, str], name: str, prefix: str, instances: int = 1) -> None:
    data = {"S3Uri": f"s3://{BUCKET}/{prefix}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": variables["INTERMODAL_AWS_IMAGE"], "ModelDataSource": {"S3DataSource": data}}
    role = variables["INTERMODAL_AWS_ROLE_ARN"]
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    production_variant = {
        "VariantName": "blue",
        "ModelName": name,
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": instances,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[production_variant])


@pytest.fixture(scope="module")
def package(s3: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_package.build(tmp_path_factory.mktemp("package"))
    for path in folder.iterdir():
        s3.upload_file(str(path), BUCKET, f"life/{path.name}")
    return folder


@pytest.fixture(scope="module")
def endpoint(sagemaker: Any, variables: Mapping[str, str], sandbox: Sandbox, package: Path) -> Iterator[str]:
    assert package
    revision(sagemaker, variables, "life-two", "life", instances=2)
    revision(sagemaker, variables, "life-lost", "nowhere")
    with sandbox.faults("aws", Faults(slow_start_seconds=0.5)):
        sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName="life-two")
        assert sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"] == "Creating"
        with pytest.raises(ClientError, match="in-progress"):
            sagemaker.delete_endpoint(EndpointName=NAME)
        assert until(sagemaker, finished)["EndpointStatus"] == "InService"
    yield NAME
    sagemaker.delete_endpoint(EndpointName=NAME)


def body(package: Path) -> bytes:
    return v2.request_body(Package.read(package).signature, Golden.read(package).rows)


def test_invocation_has_the_headers_that_sagemaker_passes_on(runtime: Any, endpoint: str, package: Path) -> None:
    answer = runtime.invoke_endpoint(EndpointName=endpoint, Body=body(package), ContentType="application/json")
    assert answer["InvokedProductionVariant"] == "blue"
    assert answer["ContentType"].startswith("application/json")
    assert len(v2.predictions(answer["Body"].read())) == 8


def test_two_instances_share_the_requests(sandbox: Sandbox, runtime: Any, endpoint: str, package: Path) -> None:
    servers = sandbox.servers("aws")
    assert len(servers) == 2
    servers[0].kill()
    for _ in range(6):  # from now on only the other one, and later its successor, answer
        try:
            runtime.invoke_endpoint(EndpointName=endpoint, Body=body(package), ContentType="application/json")
        except runtime.exceptions.ServiceUnavailable:
            continue


def test_request_refused_by_the_container_is_a_model_error(runtime: Any, endpoint: str) -> None:
    with pytest.raises(runtime.exceptions.ModelError) as caught:
        runtime.invoke_endpoint(EndpointName=endpoint, Body=b"[", ContentType="application/json")
    found = caught.value.response
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert found["OriginalStatusCode"] == 400
    assert "error" in found["OriginalMessage"]
    assert endpoint in found["LogStreamArn"]


def test_other_paths_than_invocations_are_not_served(variables: Mapping[str, str], endpoint: str) -> None:
    base = f"{variables['AWS_ENDPOINT_URL']}/endpoints/{endpoint}"
    for path in ("/ping", "/v2/health/ready", "/metrics", ""):
        assert httpx.get(base + path, trust_env=False).status_code in (403, 404)


def test_failed_update_is_rolled_back(sagemaker: Any, endpoint: str) -> None:
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="life-lost")
    found = until(sagemaker, finished)
    assert found["EndpointStatus"] == "InService"
    assert found["EndpointConfigName"] == "life-two"
    assert "s3://intermodal/nowhere/" in found["FailureReason"]


def test_container_that_does_not_start_fails_with_its_log(
    sagemaker: Any, variables: Mapping[str, str], s3: Any, package: Path
) -> None:
    for path in package.iterdir():
        s3.upload_file(str(path), BUCKET, f"damaged/{path.name}")
    s3.put_object(Bucket=BUCKET, Key="damaged/model.txt", Body=b"this is no tree")
    revision(sagemaker, variables, "damaged", "damaged")
    sagemaker.create_endpoint(EndpointName="damaged", EndpointConfigName="damaged")
    deadline = time.monotonic() + 30
    while (found := sagemaker.describe_endpoint(EndpointName="damaged"))["EndpointStatus"] == "Creating":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "exited" in found["FailureReason"]
    with pytest.raises(ClientError, match="only be deleted"):
        sagemaker.update_endpoint(EndpointName="damaged", EndpointConfigName="damaged")
    sagemaker.delete_endpoint(EndpointName="damaged")


def test_sigterm_stops_every_child(tmp_path: Path) -> None:
    from tests.sandbox_fixture import make

    alone = make(tmp_path)
    alone.start("aws")
    alone.stop()
    import psutil

    home = str(tmp_path)
    left = [found.info["cmdline"] for found in psutil.process_iter(["cmdline"]) if found.info["cmdline"]]
    assert not [line for line in left if any(home in part for part in line)]


@pytest.fixture(scope="module", autouse=True)
def tidy(sagemaker: Any) -> Iterator[None]:
    yield
    there = {found["EndpointConfigName"] for found in sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    for name in there & {"life-two", "life-lost", "damaged"}:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
        sagemaker.delete_model(ModelName=name)
