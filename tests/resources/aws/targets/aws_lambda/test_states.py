"""Lambda: every state that AWS can leave a function in ends as requested after a deploy, and as nothing after a delete,
or with a reason that says what to do.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html lists the states.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from intermodal.platform.errors import DeployFailed, Refused
from intermodal.resources.aws import tags
from intermodal.resources.aws.targets.aws_lambda.plan import ALIAS, Plan
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.resources import states
from tests.resources.aws.support import make_lambda, uploader
from tests.resources.states import Case, Scene
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox


def plan_of(scene: Scene, **changes: Any) -> Plan:
    target: Any = scene.target
    plan: Plan = target.plan(replace(scene.request, **changes))
    return plan


def deployed(scene: Scene) -> None:
    assert scene.target.deploy(scene.request).state == "ready"


def quiet(scene: Scene) -> None:
    def ended() -> bool:
        found = scene.client.get_function(FunctionName=scene.name)["Configuration"]
        return found["State"] == "Active" and found.get("LastUpdateStatus") == "Successful"

    eventually(ended)


def becomes(scene: Scene, part: dict[str, Any]) -> None:
    scene.sandbox.change("aws", "function", scene.name, **part)


def function_only(scene: Scene) -> None:
    """A deploy that was killed after its first call."""
    target: Any = scene.target
    target._lambda.create(plan_of(scene))
    quiet(scene)


def version_only(scene: Scene) -> None:
    function_only(scene)
    scene.client.publish_version(FunctionName=scene.name, Description=plan_of(scene).revision)


def deleted(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_function(FunctionName=scene.name)


def without_url(scene: Scene) -> None:
    deployed(scene)
    becomes(scene, {"Urls": {ALIAS: None}})


def open_to_all(scene: Scene) -> None:
    deployed(scene)
    scene.client.update_function_url_config(FunctionName=scene.name, Qualifier=ALIAS, AuthType="NONE")


def without_alias(scene: Scene) -> None:
    deployed(scene)
    becomes(scene, {"Aliases": {ALIAS: None}, "Urls": {ALIAS: None}})


def stopped(scene: Scene) -> None:
    deployed(scene)
    scene.client.put_function_concurrency(FunctionName=scene.name, ReservedConcurrentExecutions=0)


def some_tags_removed(scene: Scene) -> None:
    deployed(scene)
    scene.client.untag_resource(Resource=arn(scene), TagKeys=["cost_centre", "intermodal-team"])


def changed_by_hand(scene: Scene) -> None:
    """The newest content is another; the version that serves is not."""
    deployed(scene)
    scene.client.update_function_configuration(FunctionName=scene.name, MemorySize=512)
    quiet(scene)


def split_by_hand(scene: Scene) -> None:
    """Half of the requests go to another version."""
    changed_by_hand(scene)
    other = scene.client.publish_version(FunctionName=scene.name)["Version"]
    eventually(lambda: version_state(scene, other) == "Active")
    routing = {"AdditionalVersionWeights": {other: 0.5}}
    scene.client.update_alias(FunctionName=scene.name, Name=ALIAS, RoutingConfig=routing)


def old_version(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, owner="x", digest="0" * 64)).state == "ready"


def failed_creation(scene: Scene) -> None:
    """It never had a version."""
    function_only(scene)
    reason = {"StateReason": "The image was deleted.", "StateReasonCode": "ImageDeleted"}
    becomes(scene, {"Latest": {"State": "Failed", **reason}})


def failed_update(scene: Scene) -> None:
    """An update that failed; what served before still serves."""
    old_version(scene)
    target: Any = scene.target
    target._lambda.update_configuration(plan_of(scene), scene.client.get_function(FunctionName=scene.name))
    quiet(scene)
    reason = {"LastUpdateStatusReason": "No access.", "LastUpdateStatusReasonCode": "ImageAccessDenied"}
    becomes(scene, {"Latest": {"LastUpdateStatus": "Failed", **reason}})


def inactive(scene: Scene) -> None:
    """It was not called for weeks."""
    deployed(scene)
    becomes(scene, {"Versions": {number(scene): {"State": "Inactive"}}})


def crashed(scene: Scene) -> None:
    deployed(scene)
    for process in scene.sandbox.servers("aws"):
        process.kill()


CASES = [
    Case("nothing", lambda _: None, None),
    Case("serving", deployed, "ready"),
    Case("function-without-version", function_only, "creating"),
    Case("version-without-alias", version_only, "creating"),
    Case("deleted-by-hand", deleted, None),
    Case("url-deleted-by-hand", without_url, "creating"),
    Case("url-open-to-all", open_to_all, "ready"),
    Case("alias-deleted-by-hand", without_alias, "creating"),
    Case("stopped-by-hand", stopped, "failed", "reserved concurrency is 0"),
    Case("some-tags-removed", some_tags_removed, "ready"),
    Case("content-changed-by-hand", changed_by_hand, "ready"),
    Case("traffic-split-by-hand", split_by_hand, "ready"),
    Case("old-version-serves", old_version, "ready"),
    Case("failed-creation", failed_creation, "failed", "ImageDeleted"),
    Case("failed-update", failed_update, "ready"),
    Case("inactive", inactive, "ready"),
    Case("environment-crashed", crashed, "ready"),
]


def arn(scene: Scene) -> str:
    return str(scene.client.get_function(FunctionName=scene.name)["Configuration"]["FunctionArn"])


def number(scene: Scene) -> str:
    return str(scene.client.get_alias(FunctionName=scene.name, Name=ALIAS)["FunctionVersion"])


def version_state(scene: Scene, version: str) -> str:
    found = scene.client.get_function_configuration(FunctionName=scene.name, Qualifier=version)
    return str(found["State"])


def left(scene: Scene) -> list[str]:
    return [function["FunctionName"] for function in scene.client.list_functions()["Functions"]]


def assert_as_requested(scene: Scene) -> None:
    found = scene.target.describe(scene.name)
    assert found is not None
    assert (found.state, found.version, found.reason) == ("ready", scene.request.version, "")
    function = scene.client.get_function(FunctionName=scene.name)
    assert "Concurrency" not in function
    wanted = {tag["Key"]: tag["Value"] for tag in tags.to_aws(scene.request.all_tags)}
    assert wanted.items() <= function["Tags"].items()
    alias = scene.client.get_alias(FunctionName=scene.name, Name=ALIAS)
    assert not alias.get("RoutingConfig")
    versions = scene.client.list_versions_by_function(FunctionName=scene.name)["Versions"][1:]
    assert [(v["Version"], v["Description"]) for v in versions] == [(alias["FunctionVersion"], plan_of(scene).revision)]
    url = scene.client.get_function_url_config(FunctionName=scene.name, Qualifier=ALIAS)
    assert url["AuthType"] == "AWS_IAM"
    assert left(scene) == [scene.name]
    eventually(scene.serves)
    eventually(lambda: len(scene.sandbox.servers("aws")) == 1)


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        variables = sandbox.use("aws", patch)
        package = tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)
        request = states.request(variables["INTERMODAL_AWS_IMAGE"], uploader(variables)(package, "flight_delay/1.2.0"))
        client = boto3.session.Session().client("lambda", region_name=variables["AWS_REGION"])
        yield Scene(sandbox, make_lambda(variables), request, package, client)


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


def test_update_that_does_not_end_is_named_then_continued(scene: Scene) -> None:
    old_version(scene)
    becomes(scene, {"Latest": {"LastUpdateStatus": "InProgress"}})
    with pytest.raises(DeployFailed, match="its update InProgress") as caught:
        scene.short.deploy(scene.request)
    assert "Deploy again" in caught.value.hint
    becomes(scene, {"Latest": {"LastUpdateStatus": "Successful"}})
    deployed(scene)
    assert_as_requested(scene)


def test_version_that_failed_is_removed_and_the_old_serves(scene: Scene) -> None:
    old_version(scene)
    with pytest.raises(DeployFailed, match="nowhere") as caught:
        scene.target.deploy(replace(scene.request, artifacts=f"{scene.request.artifacts}/nowhere"))
    assert "still serves" in caught.value.hint
    assert scene.serves()
    assert len(scene.client.list_versions_by_function(FunctionName=scene.name)["Versions"]) == 2


def test_function_without_our_tags_is_refused_with_a_way_out(scene: Scene) -> None:
    deployed(scene)
    scene.client.untag_resource(Resource=arn(scene), TagKeys=list(scene.request.all_tags))
    assert scene.target.describe(scene.name) is None
    for call in (lambda: scene.target.deploy(scene.request), lambda: scene.target.delete(scene.name)):
        with pytest.raises(Refused, match="not made by Intermodal") as caught:
            call()
        assert "tags" in caught.value.hint
    restored = {tag["Key"]: tag["Value"] for tag in tags.to_aws(scene.request.all_tags)}
    scene.client.tag_resource(Resource=arn(scene), Tags=restored)
    deployed(scene)
    assert_as_requested(scene)


def test_version_of_an_alias_is_not_deleted(scene: Scene) -> None:
    deployed(scene)
    with pytest.raises(ClientError, match="aliases reference it"):
        scene.client.delete_function(FunctionName=scene.name, Qualifier=number(scene))
