"""SageMaker: the conformance suite with the real adapter against the sandbox, and what is particular to it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import boto3
import pytest

from intermodal.platform.errors import DeployFailed, Refused, Throttled
from intermodal.platform.ports.endpoints import DeployRequest
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.aws.targets.sagemaker.plan import Plan
from intermodal.resources.aws.targets.sagemaker.rollout import Rollout
from intermodal.resources.aws.targets.sagemaker.target import SageMakerTarget
from intermodal.sandbox.faults import Faults
from tests.conformance.endpoint_target import EndpointTargetConformance, Upload, eventually
from tests.resources.aws.support import target_maker, uploader
from tests.sandbox_fixture import Sandbox
from tests.targets import AWS


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

    def test_deploy_over_its_limit_fails_and_names_the_cost(
        self, make_target: Callable[[], SageMakerTarget], request_: DeployRequest, sandbox: Sandbox
    ) -> None:
        late = replace(request_, environment="late")
        hurried = make_target().model_copy(update={"timeout_seconds": 0.3})
        with sandbox.faults("aws", Faults(slow_start_seconds=0.5)):
            with pytest.raises(DeployFailed, match="not in service within") as caught:
                hurried.deploy(late)
        assert "billed" in caught.value.hint
        make_target().delete(late.name)  # waits for the end of the creation, as SageMaker requires

    def test_deploy_two_failures_of_one_name_both_have_the_reason(
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

    def test_deploy_after_a_failure_replaces_it(self, target: SageMakerTarget, request_: DeployRequest) -> None:
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

    def test_delete_foreign_endpoint_is_refused(self, target: SageMakerTarget, request_: DeployRequest) -> None:
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
        with pytest.raises(Refused, match="was not made by Intermodal"):
            target.delete(plan.name)
        client.delete_endpoint(EndpointName=plan.name)
        target.delete(plan.name)

    def test_deploy_unknown_role_is_named(self, target: SageMakerTarget, request_: DeployRequest) -> None:
        other = target.model_copy(update={"role_arn": f"{target.role_arn}-of-nobody"})
        with pytest.raises(DeployFailed, match="Could not assume role") as caught:
            other.deploy(replace(request_, environment="role"))
        assert "role_arn" in caught.value.hint

    @pytest.fixture(scope="class", autouse=True)
    def nothing_is_left(self, variables: Mapping[str, str]) -> Iterator[None]:
        """Every model and configuration is deleted with its endpoint."""
        yield
        client: Any = boto3.session.Session().client("sagemaker", region_name=variables["AWS_REGION"])
        assert client.list_endpoints()["Endpoints"] == []
        assert client.list_endpoint_configs()["EndpointConfigs"] == []
        assert client.list_models()["Models"] == []


class Failing:
    """An API whose calls fail, except the n-th ones of ``found``."""

    def __init__(self, found: Collection[int] = ()) -> None:
        self.calls, self.found = 0, found

    def find(self, name: str) -> dict[str, Any]:
        self.calls += 1
        if self.calls in self.found:
            return {"EndpointName": name, "EndpointStatus": "Deleting"}
        raise Throttled("slow down")

    def require_requested(self, record: dict[str, Any], _: Plan) -> dict[str, Any]:
        return record


@pytest.mark.parametrize(("found", "calls"), [((), 5), ((3, 7), 12)])
def test_rollout_failures_in_a_row_end_the_deploy(found: tuple[int, ...], calls: int) -> None:
    api = Failing(found)
    request = DeployRequest("m", "1.0.0", "test", "team:x", "image", "s3://bucket/m")
    rollout = Rollout(api, Plan(request, AWS, "ml.m5.large", "role"))  # type: ignore[arg-type]
    with pytest.raises(Throttled):
        poll_without_pauses(rollout)
    assert api.calls == calls


def poll_without_pauses(rollout: Rollout) -> None:
    while rollout.advance() is None:
        pass
