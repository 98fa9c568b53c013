"""SageMaker: every state that AWS can leave an endpoint in ends as requested after a deploy, and as nothing after a
delete, or with a reason that says what to do.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html lists the states.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from intermodal.platform.errors import DeployFailed, Refused, Unavailable
from intermodal.resources.aws import tags
from intermodal.resources.aws.targets.sagemaker.plan import VARIANT, Plan
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.resources import states
from tests.resources.aws.support import make, uploader
from tests.resources.states import Case, Scene
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


def plan_of(scene: Scene, **changes: Any) -> Plan:
    target: Any = scene.target
    return Plan(replace(scene.request, **changes), target.target, target.instance_type, target.role_arn)


def revision(scene: Scene) -> str:
    return plan_of(scene).revision


def status(scene: Scene) -> str:
    return str(scene.client.describe_endpoint(EndpointName=scene.name)["EndpointStatus"])


def becomes(scene: Scene, wanted: str, **changes: object) -> None:
    scene.sandbox.change("aws", "endpoint", scene.name, EndpointStatus=wanted, **changes)


def deployed(scene: Scene) -> None:
    assert scene.target.deploy(scene.request).state == "ready"


def model_only(scene: Scene) -> None:
    """A deploy that was killed after its first call."""
    deployed(scene)
    endpoint_deleted(scene)
    scene.client.delete_endpoint_config(EndpointConfigName=revision(scene))


def endpoint_deleted(scene: Scene) -> None:
    if scene.state() is None:
        deployed(scene)
    scene.client.delete_endpoint(EndpointName=scene.name)
    eventually(lambda: scene.target.describe(scene.name) is None)


def without_config(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_endpoint_config(EndpointConfigName=revision(scene))


def without_model(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_model(ModelName=revision(scene))


def without_both(scene: Scene) -> None:
    without_config(scene)
    scene.client.delete_model(ModelName=revision(scene))


def scaled(scene: Scene) -> None:
    deployed(scene)
    change = {"VariantName": VARIANT, "DesiredInstanceCount": 2}
    scene.client.update_endpoint_weights_and_capacities(EndpointName=scene.name, DesiredWeightsAndCapacities=[change])
    eventually(lambda: status(scene) == "InService")
    assert counts(scene) == [2]


def scaled_without_config(scene: Scene) -> None:
    scaled(scene)
    scene.client.delete_endpoint_config(EndpointConfigName=revision(scene))
    scene.client.delete_model(ModelName=revision(scene))


def some_tags_removed(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_tags(ResourceArn=arn(scene), TagKeys=["cost_centre", "intermodal-team"])


def failed_creation(scene: Scene) -> None:
    """Of an earlier deploy, whose image was wrong: it never had traffic."""
    target: Any = scene.target
    left = plan_of(scene, image=f"{scene.request.image}-unheard-of")
    target._sagemaker.prepare(left)
    target._sagemaker.create(left)
    eventually(lambda: scene.state() == "failed")


def failed_in_service(scene: Scene) -> None:
    """With all of the traffic."""
    deployed(scene)
    becomes(scene, "Failed", FailureReason="The machine of the instance was lost.")


def out_of_service(scene: Scene) -> None:
    deployed(scene)
    becomes(scene, "OutOfService", FailureReason="No instance is healthy.")


def rollback_failed(scene: Scene) -> None:
    deployed(scene)
    becomes(scene, "UpdateRollbackFailed", FailureReason="The rollback failed.")


def old_config(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, replicas=2)).state == "ready"


def rolled_back(scene: Scene) -> None:
    """An update that failed: the configuration before it is still attached, and the new one is left behind."""
    old_config(scene)
    target: Any = scene.target
    left = plan_of(scene, image=f"{scene.request.image}-unheard-of")
    target._sagemaker.prepare(left)
    target._sagemaker.update(left)
    eventually(lambda: status(scene) == "InService")


def crashed(scene: Scene) -> None:
    """Every instance is killed; SageMaker starts them again."""
    deployed(scene)
    for process in scene.sandbox.servers("aws"):
        process.kill()


CASES = [
    Case("nothing", lambda _: None, None),
    Case("in-service", deployed, "ready"),
    Case("model-without-config-and-endpoint", model_only, None),
    Case("endpoint-deleted-by-hand", endpoint_deleted, None),
    Case("config-deleted-by-hand", without_config, "ready"),
    Case("model-deleted-by-hand", without_model, "ready"),
    Case("config-and-model-deleted-by-hand", without_both, "ready"),
    Case("scaled-by-hand", scaled, "ready"),
    Case("scaled-and-config-deleted-by-hand", scaled_without_config, "ready"),
    Case("some-tags-removed", some_tags_removed, "ready"),
    Case("failed-creation", failed_creation, "failed", "unheard-of"),
    Case("failed-with-all-traffic", failed_in_service, "failed", "was lost"),
    Case("out-of-service", out_of_service, "failed", "No instance is healthy"),
    Case("update-rollback-failed", rollback_failed, "failed", "rollback failed"),
    Case("old-config-attached", old_config, "ready"),
    Case("update-rolled-back", rolled_back, "ready"),
    Case("instances-crashed", crashed, "ready"),
]


def arn(scene: Scene) -> str:
    return str(scene.client.describe_endpoint(EndpointName=scene.name)["EndpointArn"])


def counts(scene: Scene) -> list[int]:
    found = scene.client.describe_endpoint(EndpointName=scene.name)
    return [variant["DesiredInstanceCount"] for variant in found["ProductionVariants"]]


def left(scene: Scene) -> list[str]:
    """Names of all models, configurations and endpoints."""
    lists = (
        ("list_models", "Models", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("list_endpoints", "Endpoints", "EndpointName"),
    )
    return [item[name] for call, key, name in lists for item in getattr(scene.client, call)()[key]]


def assert_as_requested(scene: Scene) -> None:
    found = scene.target.describe(scene.name)
    assert found is not None
    assert (found.state, found.version, found.reason) == ("ready", scene.request.version, "")
    assert counts(scene) == [scene.request.replicas]
    listed = scene.client.list_tags(ResourceArn=arn(scene))["Tags"]
    assert tags.from_aws(listed) == scene.request.all_tags
    assert left(scene) == [revision(scene), revision(scene), scene.name]
    eventually(scene.serves)
    eventually(lambda: len(scene.sandbox.servers("aws")) == scene.request.replicas)


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        variables: Mapping[str, str] = sandbox.use("aws", patch)
        package = tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)
        request = states.request(variables["INTERMODAL_AWS_IMAGE"], uploader(variables)(package, "flight_delay/1.2.0"))
        client = boto3.session.Session().client("sagemaker", region_name=variables["AWS_REGION"])
        yield Scene(sandbox, make(variables), request, package, client)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Nothing is there before, and nothing is left after."""
    assert left(shared) == []
    yield shared
    shared.target.delete(shared.name)
    assert left(shared) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_deploy_over_state_is_as_requested(scene: Scene, case: Case) -> None:
    scene.deploy_over(case)
    assert_as_requested(scene)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_delete_of_state_leaves_nothing(scene: Scene, case: Case) -> None:
    case.make(scene)
    scene.target.delete(scene.name)
    assert left(scene) == []
    eventually(lambda: scene.sandbox.servers("aws") == [])


@pytest.mark.parametrize("changing", ["Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"])
def test_change_that_does_not_end_is_named_then_continued(scene: Scene, changing: str) -> None:
    deployed(scene)
    becomes(scene, changing)
    assert scene.state() == ("deleting" if changing == "Deleting" else "creating")
    with pytest.raises(DeployFailed, match=f"it is {changing}") as caught:
        scene.short.deploy(scene.request)
    assert "Deploy again" in caught.value.hint
    with pytest.raises(Unavailable, match=f"it is {changing}") as refused:
        scene.short.delete(scene.name)
    assert "again later" in refused.value.hint
    becomes(scene, "InService")
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


def test_foreign_change_that_ends_is_followed_by_ours(scene: Scene) -> None:
    """Another configuration is on its way; ours comes after it."""
    deployed(scene)
    other = plan_of(scene, replicas=2)
    target: Any = scene.target
    target._sagemaker.prepare(other)
    target._sagemaker.update(other)
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


def test_scaling_that_fails_names_the_count_and_serves_on(scene: Scene) -> None:
    """The quota has no second instance: SageMaker rolls back and the old number serves."""
    pair = replace(scene, request=replace(scene.request, replicas=2))
    deployed(pair)
    change = {"VariantName": VARIANT, "DesiredInstanceCount": 1}
    scene.client.update_endpoint_weights_and_capacities(EndpointName=scene.name, DesiredWeightsAndCapacities=[change])
    eventually(lambda: status(scene) == "InService")
    scene.sandbox.change("aws", "model", revision(pair), PrimaryContainer={"Image": "registry/nothing:0"})
    with pytest.raises(DeployFailed, match=r"does not run 2 instances.*CannotPull") as caught:
        scene.target.deploy(pair.request)
    assert "quota" in caught.value.hint
    assert scene.serves()


def test_endpoint_without_our_tags_is_refused_with_a_way_out(scene: Scene) -> None:
    deployed(scene)
    keys = list(scene.request.all_tags)
    scene.client.delete_tags(ResourceArn=arn(scene), TagKeys=keys)
    assert scene.target.describe(scene.name) is None
    for call in (lambda: scene.target.deploy(scene.request), lambda: scene.target.delete(scene.name)):
        with pytest.raises(Refused, match="not made by Intermodal") as caught:
            call()
        assert "tags" in caught.value.hint
    scene.client.add_tags(ResourceArn=arn(scene), Tags=tags.to_aws(scene.request.all_tags))
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"VariantName": "another"}, "must be present within"),
        ({"VariantName": VARIANT, "DesiredWeight": 0.0}, "does not emulate a variant without weight"),
        ({"VariantName": VARIANT, "DesiredInstanceCount": 0}, "does not emulate a variant without weight"),
    ],
)
def test_scaling_that_is_wrong_or_not_emulated_is_refused(scene: Scene, change: dict[str, Any], message: str) -> None:
    deployed(scene)
    with pytest.raises(ClientError, match=message):
        scene.client.update_endpoint_weights_and_capacities(
            EndpointName=scene.name, DesiredWeightsAndCapacities=[change]
        )
    assert status(scene) == "InService"
