"""Azure ML: every state that Azure can leave an endpoint and its deployments in ends as requested after a deploy, and
as nothing after a delete, or with a reason that says what to do.

https://learn.microsoft.com/rest/api/azureml/online-endpoints/get and .../online-deployments/get list the states.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import DeployFailed, Refused
from intermodal.resources.azure.targets.ml.documents import Documents
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.resources import states
from tests.resources.azure.support import make, upload
from tests.resources.states import Case, Scene
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
WRONG = "unheard-of"


def documents(scene: Scene, **changes: Any) -> Documents:
    target: Any = scene.target
    request = replace(scene.request, **changes)
    return Documents(request, target.target, target._workspace.id, target.region, target.instance_type)


def ours(scene: Scene) -> str:
    return documents(scene).deployment


def deployed(scene: Scene) -> None:
    assert scene.target.deploy(scene.request).state == "ready"


def put_traffic(scene: Scene, **traffic: int) -> None:
    known = documents(scene)
    body = known.endpoint_body({name.replace("_", "-"): share for name, share in traffic.items()}, known.tags)
    scene.client.put_endpoint(scene.name, body)


def endpoint_becomes(scene: Scene, state: str) -> None:
    changes = {"properties": {"provisioningState": state}}
    scene.sandbox.change("azure", "endpoints", scene.name, doc=changes)


def deployment_becomes(scene: Scene, state: str, reason: str = "") -> None:
    changes = {"properties": {"provisioningState": state}}
    scene.sandbox.change("azure", "deployments", f"{scene.name}/{ours(scene)}", doc=changes, reason=reason)


def endpoint_only(scene: Scene) -> None:
    """A deploy that was killed after its first call."""
    put_traffic(scene)


def without_traffic(scene: Scene) -> None:
    """A deploy that was killed before the traffic moved, or a person set its share to 0."""
    deployed(scene)
    put_traffic(scene)


def deployment_deleted(scene: Scene) -> None:
    without_traffic(scene)
    scene.client.delete_deployment(scene.name, ours(scene)).wait()


def endpoint_deleted(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_endpoint(scene.name).wait()


def assets_deleted(scene: Scene) -> None:
    deployed(scene)
    scene.client.delete_assets(scene.name)


def failed_with_traffic(scene: Scene) -> None:
    deployed(scene)
    deployment_becomes(scene, "Failed", "The machine of the instance was lost.")


def failed_without_traffic(scene: Scene) -> None:
    without_traffic(scene)
    deployment_becomes(scene, "Failed", "The machine of the instance was lost.")


def canceled_with_traffic(scene: Scene) -> None:
    deployed(scene)
    deployment_becomes(scene, "Canceled", "A person ended the operation.")


def changed_by_hand(scene: Scene, **changes: Any) -> None:
    """An update of our deployment in place, as ``az ml online-deployment update`` makes it."""
    deployed(scene)
    other, name = documents(scene, **changes), scene.name
    scene.client.put_environment(name, other.environment_version, other.environment_body())
    poller = scene.client.put_deployment(name, ours(scene), other.deployment_body())
    eventually(poller.done)


def version_changed(scene: Scene) -> None:
    deployed(scene)
    body = documents(scene).deployment_body()
    body.properties.environment_variables["INTERMODAL_VERSION"] = "0.9.0"
    eventually(scene.client.put_deployment(scene.name, ours(scene), body).done)


def with_old(scene: Scene) -> None:
    """An earlier deployment beside ours: each has a part of the traffic."""
    deployed(scene)
    old = documents(scene, owner="team:earlier")
    eventually(scene.client.put_deployment(scene.name, "v-old", old.deployment_body()).done)
    put_traffic(scene, **{ours(scene).replace("-", "_"): 50, "v_old": 50})


def failed_with_old(scene: Scene) -> None:
    with_old(scene)
    deployment_becomes(scene, "Failed", "The machine of the instance was lost.")
    put_traffic(scene, **{ours(scene).replace("-", "_"): 100})


def old_only(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, owner="team:earlier", replicas=2)).state == "ready"


def endpoint_failed(scene: Scene) -> None:
    deployed(scene)
    endpoint_becomes(scene, "Failed")


def endpoint_failed_alone(scene: Scene) -> None:
    endpoint_only(scene)
    endpoint_becomes(scene, "Failed")


def crashed(scene: Scene) -> None:
    deployed(scene)
    for process in scene.sandbox.servers("azure"):
        process.kill()


CASES = [
    Case("nothing", lambda _: None, None),
    Case("serving", deployed, "ready"),
    Case("endpoint-without-deployment", endpoint_only, "creating"),
    Case("deployment-without-traffic", without_traffic, "creating", "No deployment has traffic"),
    Case("deployment-deleted-by-hand", deployment_deleted, "creating"),
    Case("endpoint-deleted-by-hand", endpoint_deleted, None),
    Case("assets-deleted-by-hand", assets_deleted, "ready"),
    Case("failed-with-all-traffic", failed_with_traffic, "failed", "was lost"),
    Case("failed-without-traffic", failed_without_traffic, "failed", "was lost"),
    Case("canceled-with-all-traffic", canceled_with_traffic, "failed", "ended the operation"),
    Case("update-by-hand-failed", lambda scene: changed_by_hand(scene, image=f"r/{WRONG}:1"), "failed", WRONG),
    Case("scaled-by-hand", lambda scene: changed_by_hand(scene, replicas=3), "ready"),
    Case("version-changed-by-hand", version_changed, "ready"),
    Case("old-deployment-has-a-part-of-the-traffic", with_old, "ready"),
    Case("failed-with-all-traffic-beside-an-old-one", failed_with_old, "failed", "was lost"),
    Case("old-deployment-attached", old_only, "ready"),
    Case("endpoint-failed", endpoint_failed, "ready"),
    Case("endpoint-failed-without-deployment", endpoint_failed_alone, "failed"),
    Case("server-crashed", crashed, "ready"),
]


def assert_as_requested(scene: Scene, extra: dict[str, str] | None = None) -> None:
    found, known = scene.target.describe(scene.name), documents(scene)
    assert found is not None
    assert (found.state, found.version, found.reason) == ("ready", scene.request.version, "")
    endpoint = scene.client.endpoint(scene.name)
    assert (endpoint.tags, endpoint.properties.traffic) == ({**known.tags, **(extra or {})}, {known.deployment: 100})
    eventually(lambda: len(scene.client.deployments(scene.name)) == 1)
    (deployment,) = scene.client.deployments(scene.name)
    assert (deployment.name, deployment.sku.capacity) == (known.deployment, scene.request.replicas)
    assert deployment.properties.environment_variables["INTERMODAL_VERSION"] == scene.request.version
    assert deployment.tags == known.tags
    models, (group, workspace) = scene.client._client.model_versions, scene.client._path
    assert models.get(group, workspace, scene.name, known.model_version)
    eventually(scene.serves)
    eventually(lambda: len(scene.sandbox.servers("azure")) == 1)  # whatever its capacity, the sandbox runs one


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        variables = sandbox.use("azure", patch)
        package = tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)
        request = states.request(variables["INTERMODAL_AZURE_IMAGE"], upload(variables, package, "flight_delay/1.2.0"))
        target = make(variables)
        yield Scene(sandbox, target, request, package, target._workspace)


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Nothing is there before, and nothing is left after."""
    assert shared.client.endpoint(shared.name) is None
    yield shared
    shared.target.delete(shared.name)
    eventually(lambda: shared.sandbox.servers("azure") == [])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_deploy_over_state_is_as_requested(scene: Scene, case: Case) -> None:
    scene.deploy_over(case)
    assert_as_requested(scene)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_delete_of_state_leaves_nothing(scene: Scene, case: Case) -> None:
    case.make(scene)
    scene.target.delete(scene.name)
    assert scene.client.endpoint(scene.name) is None
    eventually(lambda: scene.sandbox.servers("azure") == [])


CHANGING = [
    (endpoint_becomes, ("Creating", "Updating", "Deleting")),
    (deployment_becomes, ("Creating", "Updating", "Scaling", "Deleting")),
]
"""Who makes the change, and its states."""


@pytest.mark.parametrize(("becomes", "changing"), [(part, state) for part, states in CHANGING for state in states])
def test_change_that_does_not_end_is_named_then_continued(
    scene: Scene, becomes: Callable[[Scene, str], None], changing: str
) -> None:
    deployed(scene)
    becomes(scene, changing)
    with pytest.raises(DeployFailed, match=f"it is {changing}") as caught:
        scene.short.deploy(scene.request)
    assert "Deploy again" in caught.value.hint
    becomes(scene, "Succeeded")
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


def test_endpoint_that_stays_failed_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint_only(scene)
    endpoint_becomes(scene, "Failed")
    monkeypatch.setattr(scene.client, "put_endpoint", lambda *_: None)
    with pytest.raises(DeployFailed, match="is Failed") as caught:
        scene.target.deploy(scene.request)
    assert "delete it" in caught.value.hint


def test_tags_of_others_stay(scene: Scene) -> None:
    """A policy of the subscription adds tags; a deploy neither removes them nor waits for their end."""
    deployed(scene)
    known = documents(scene)
    added = {"policy": "finance"}
    scene.client.put_endpoint(scene.name, known.endpoint_body({ours(scene): 100}, {**known.tags, **added}))
    assert scene.target.deploy(scene.request).state == "ready"
    without = {**known.tags, "policy": "finance", "cost_centre": "wrong"}
    scene.client.put_endpoint(scene.name, known.endpoint_body({ours(scene): 100}, without))
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene, added)


def test_endpoint_without_our_tags_is_refused_with_a_way_out(scene: Scene) -> None:
    deployed(scene)
    known = documents(scene)
    scene.client.put_endpoint(scene.name, known.endpoint_body({ours(scene): 100}, {}))
    assert scene.target.describe(scene.name) is None
    for call in (lambda: scene.target.deploy(scene.request), lambda: scene.target.delete(scene.name)):
        with pytest.raises(Refused, match="not made by Intermodal") as caught:
            call()
        assert "tags" in caught.value.hint
    scene.client.put_endpoint(scene.name, known.endpoint_body({ours(scene): 100}, known.tags))
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)
