"""Lambda: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import boto3
import pytest

from intermodal.platform.errors import DeployFailed, Throttled
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.aws_lambda.target import LambdaTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.callers import send
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload
from tests.resources.aws.support import make_lambda, uploader
from tests.sandbox_fixture import Sandbox


@pytest.mark.sandbox
class TestLambda(EndpointTargetConformance):
    adapter: ClassVar[str] = "aws/lambda"

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], LambdaTarget]:
        return lambda: make_lambda(variables)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> S3ObjectStore:
        return S3ObjectStore(bucket=variables["INTERMODAL_AWS_BUCKET"], region=variables["AWS_REGION"])

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AWS_IMAGE"]

    def test_deploy_over_its_limit_fails_and_is_continued(
        self, make_target: Callable[[], LambdaTarget], request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        late = replace(request_, environment="late")
        hurried = make_target().model_copy(update={"timeout_seconds": 0.3})
        with sandbox.faults("aws", Faults(slow_start_seconds=0.5)):
            with pytest.raises(DeployFailed, match="did not serve within") as caught:
                hurried.deploy(late)
        assert "Deploy again" in caught.value.hint
        assert make_target().deploy(late).state == "ready"
        make_target().delete(late.name)

    def test_deploy_unknown_role_is_named(self, target: LambdaTarget, request_: DeployRequest) -> None:
        other = target.model_copy(update={"role_arn": f"{target.role_arn}-unknown"})
        with pytest.raises(DeployFailed, match="cannot be assumed by Lambda") as caught:
            other.deploy(replace(request_, environment="role"))
        assert "role_arn" in caught.value.hint

    def test_deploy_too_many_variables_names_the_limit(self, target: LambdaTarget, request_: DeployRequest) -> None:
        long = replace(request_, environment="long", predictions="s3://b/p", sensitive=("c" * 4096,))
        with pytest.raises(DeployFailed, match="4KB limit"):
            target.deploy(long)

    def test_throttled_url_answers_429_with_lambdas_header(
        self, target: LambdaTarget, endpoint: Endpoint, client: Any
    ) -> None:
        """The gateway tries such a request elsewhere, as the header says that it is Lambda's own answer."""
        client.put_function_concurrency(FunctionName=endpoint.name, ReservedConcurrentExecutions=0)
        try:
            upstream = target.upstream(endpoint)
            answer = send(upstream, b"{}")
            assert answer.status_code == 429
            assert upstream.errors.platform_header in answer.headers
            with pytest.raises(Throttled):
                target.invoke(endpoint.name, b"{}")
        finally:
            client.delete_function_concurrency(FunctionName=endpoint.name)

    @pytest.fixture(scope="class")
    def client(self, variables: Mapping[str, str]) -> Any:
        return boto3.session.Session().client("lambda", region_name=variables["AWS_REGION"])

    @pytest.fixture(scope="class", autouse=True)
    def nothing_is_left(self, client: Any) -> Iterator[None]:
        yield
        assert client.list_functions()["Functions"] == []
