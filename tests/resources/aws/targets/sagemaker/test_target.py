"""SageMakerTarget keeps the port's promises; here is what only SageMaker has."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import boto3
import pytest

from intermodal.platform.errors import DeployFailed, Refused
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.sagemaker.plan import Plan
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload, eventually
from tests.resources.aws.support import target_maker, uploader
from tests.sandbox_fixture import Sandbox


@pytest.mark.sandbox
class TestSageMaker(EndpointTargetConformance):
    adapter: ClassVar[str] = "aws/sagemaker"

    @pytest.fixture(scope="class")
    def make_target(self, variables: Mapping[str, str]) -> Callable[[], SageMakerTarget]:
        return target_maker(variables)

    @pytest.fixture(scope="class")
    def upload(self, variables: Mapping[str, str]) -> Upload:
        return uploader(variables)

    @pytest.fixture(scope="class")
    def store(self, variables: Mapping[str, str]) -> S3ObjectStore:
        return S3ObjectStore(bucket=variables["INTERMODAL_AWS_BUCKET"], region=variables["AWS_REGION"])

    @pytest.fixture(scope="class")
    def image(self, variables: Mapping[str, str]) -> str:
        return variables["INTERMODAL_AWS_IMAGE"]

    def test_a_deploy_that_takes_too_long_says_that_it_goes_on(
        self, make_target: Callable[[], SageMakerTarget], request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        late = replace(request_, environment="late")
        hurried = make_target().model_copy(update={"timeout_seconds": 0.3})
        with sandbox.faults("aws", Faults(slow_start_seconds=0.5)):
            with pytest.raises(DeployFailed, match="not in service within") as caught:
                hurried.deploy(late)
        assert "billed" in caught.value.hint
        make_target().delete(late.name)  # waits for the creation to settle, as SageMaker demands

    def test_two_deploys_that_fail_together_both_say_why(
        self, target: SageMakerTarget, request_: DeployRequest
    ) -> None:
        bad = replace(request_, environment="both", image=f"{request_.image}-unheard-of")

        def reason() -> str:
            with pytest.raises(DeployFailed) as caught:
                target.deploy(bad)
            return caught.value.message

        with ThreadPoolExecutor(2) as pool:
            reasons = [future.result() for future in [pool.submit(reason), pool.submit(reason)]]
        assert all("unheard-of" in text for text in reasons)

    def test_what_an_earlier_failure_left_is_replaced(self, target: SageMakerTarget, request_: DeployRequest) -> None:
        good = replace(request_, environment="again")
        left = Plan(
            replace(good, image=f"{good.image}-unheard-of"), target.target, target.instance_type, target.role_arn
        )
        target._sagemaker.prepare(left)
        target._sagemaker.create(left)

        def failed() -> bool:
            found = target.describe(good.name)
            return found is not None and found.state == "failed"

        eventually(failed)
        found = target.describe(good.name)
        assert found is not None
        assert "unheard-of" in found.reason
        assert target.list("again") == [found]
        assert target.deploy(good).state == "ready"
        changed = replace(good, owner="team:another")
        assert target.deploy(changed).state == "ready"
        tags = target._sagemaker.tags(f"arn:aws:sagemaker:us-east-1:000000000000:endpoint/{good.name}")
        assert tags is not None
        assert (tags["intermodal-team"], tags["cost_centre"]) == ("team:another", "ops-42")
        target.delete(good.name)

    def test_somebody_elses_endpoint_is_left_alone(self, target: SageMakerTarget, request_: DeployRequest) -> None:
        plan = Plan(
            replace(request_, environment="theirs", image="nothing"),
            target.target,
            target.instance_type,
            target.role_arn,
        )
        client = target._sagemaker.client
        target._sagemaker.prepare(plan)
        client.create_endpoint(EndpointName=plan.name, EndpointConfigName=plan.revision)  # without our tags
        assert target.describe(plan.name) is None
        eventually(lambda: client.describe_endpoint(EndpointName=plan.name)["EndpointStatus"] == "Failed")
        with pytest.raises(Refused, match="not made by Intermodal"):
            target.delete(plan.name)
        client.delete_endpoint(EndpointName=plan.name)
        target.delete(plan.name)

    def test_a_role_that_nobody_can_assume_is_named(self, target: SageMakerTarget, request_: DeployRequest) -> None:
        other = target.model_copy(update={"role_arn": f"{target.role_arn}-of-nobody"})
        with pytest.raises(DeployFailed, match="Could not assume role") as caught:
            other.deploy(replace(request_, environment="role"))
        assert "role_arn" in caught.value.hint

    @pytest.fixture(scope="class", autouse=True)
    def nothing_is_left(self, variables: Mapping[str, str]) -> Iterator[None]:
        """Whatever the tests did, every model and configuration is gone with its endpoint."""
        yield
        client: Any = boto3.client("sagemaker", region_name=variables["AWS_REGION"])
        assert client.list_endpoints()["Endpoints"] == []
        assert client.list_endpoint_configs()["EndpointConfigs"] == []
        assert client.list_models()["Models"] == []
