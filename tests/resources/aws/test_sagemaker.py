"""SageMakerTarget keeps the port's promises; here is what only SageMaker has."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from intermodal.platform.clouds import Cloud
from intermodal.resources.aws.endpoints.sagemaker import SageMakerTarget
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.sandbox_fixture import Sandbox


@pytest.fixture(scope="class")
def variables(sandbox: Sandbox) -> Iterator[Mapping[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        yield sandbox.use("aws", patch)


@pytest.mark.sandbox
class TestSageMaker(EndpointTargetConformance):
    cloud: ClassVar[Cloud] = "aws"

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], SageMakerTarget]:
        return lambda: SageMakerTarget(
            region=variables["AWS_REGION"],
            role_arn=variables["INTERMODAL_AWS_ROLE_ARN"],
            timeout_seconds=60,
            max_attempts=2,
        )

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        bucket, s3 = variables["INTERMODAL_AWS_BUCKET"], boto3.client("s3")

        def put(folder: Path, prefix: str) -> str:
            for path in (path for path in folder.rglob("*") if path.is_file()):
                s3.upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
            return f"s3://{bucket}/{prefix}"

        return put

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AWS_IMAGE"]

    @pytest.fixture(scope="class", autouse=True)
    def nothing_is_left(self, variables: Mapping[str, str]) -> Iterator[None]:
        """Whatever the tests did, every model and configuration is gone with its endpoint."""
        yield
        client: Any = boto3.client("sagemaker", region_name=variables["AWS_REGION"])
        assert client.list_endpoints()["Endpoints"] == []
        assert client.list_endpoint_configs()["EndpointConfigs"] == []
        assert client.list_models()["Models"] == []
