"""Vertex AI: every state that Google Cloud or a person can leave an endpoint in ends as requested after a deploy, and
as nothing after a delete, or with a reason that says what to do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from intermodal.platform.errors import DeployFailed
from intermodal.resources.gcp.labels import labels
from intermodal.resources.gcp.targets.vertex.client import Vertex
from intermodal.resources.gcp.targets.vertex.documents import tags_of, wanted
from intermodal.resources.gcp.targets.vertex.rollout import models_of
from intermodal.resources.polling import poll
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.resources import states
from tests.resources.gcp.support import make_vertex, uploader
from tests.resources.states import Case, Scene
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
WRONG = "unheard-of"


def client(scene: Scene) -> Vertex:
    target: Any = scene.target
    found: Vertex = target._client()
    return found


def document(scene: Scene) -> dict[str, Any]:
    found = client(scene).endpoint(scene.name)
    assert found is not None
    return found


def ended(scene: Scene, operation: str) -> None:
    assert operation
    assert poll(lambda: client(scene).operation(operation).get("done"), 30)


def patch(scene: Scene, **fields: Any) -> None:
    """What a person changes in the console."""
    client(scene).patch(scene.name, {"displayName": scene.name, **fields})


def deployed(scene: Scene) -> None:
    assert scene.target.deploy(scene.request).state == "ready"


def only_endpoint(scene: Scene) -> None:
    """A deployment that was killed after its first step."""
    ended(scene, client(scene).create(scene.name, wanted(scene.request, scene.target.target, "").endpoint))


def only_model(scene: Scene) -> None:
    planned = wanted(scene.request, scene.target.target, "")
    ended(scene, client(scene).upload(planned.model_id, planned.model))


def endpoint_and_model(scene: Scene) -> None:
    only_endpoint(scene)
    only_model(scene)


def deployed_wrong(scene: Scene) -> None:
    """A deployment that was killed, and whose image does not exist."""
    only_endpoint(scene)
    wrong = wanted(replace(scene.request, image=f"{scene.request.image}-{WRONG}"), scene.target.target, "")
    ended(scene, client(scene).upload(wrong.model_id, wrong.model))
    ended(scene, client(scene).deploy(scene.name, wrong.deployed(client(scene).model_name(wrong.model_id))))


def updated_not_tidied(scene: Scene) -> None:
    """A deployment that was killed between the switch and the end of the old one."""
    assert scene.target.deploy(replace(scene.request, digest="0" * 64)).state == "ready"
    planned = wanted(scene.request, scene.target.target, "")
    ended(scene, client(scene).upload(planned.model_id, planned.model))
    ended(scene, client(scene).deploy(scene.name, planned.deployed(client(scene).model_name(planned.model_id))))
    assert len(document(scene)["deployedModels"]) == 2


def split_by_hand(scene: Scene) -> None:
    """Half of the traffic goes to another container."""
    updated_not_tidied(scene)
    patch(scene, trafficSplit={each["id"]: 50 for each in document(scene)["deployedModels"]})


def moved_back(scene: Scene) -> None:
    updated_not_tidied(scene)
    first, second = document(scene)["deployedModels"]
    patch(scene, trafficSplit={first["id"]: 100, second["id"]: 0})


def traffic_removed(scene: Scene) -> None:
    deployed(scene)
    patch(scene, trafficSplit={})
    assert not scene.serves()


def undeployed(scene: Scene) -> None:
    deployed(scene)
    (only,) = document(scene)["deployedModels"]
    ended(scene, client(scene).undeploy(scene.name, {"deployedModelId": only["id"]}))


def more_replicas(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, replicas=2)).state == "ready"


def labels_removed(scene: Scene) -> None:
    deployed(scene)
    patch(scene, labels={})


def team_removed(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, owner="team:earlier")).state == "ready"


def deleted(scene: Scene) -> None:
    undeployed(scene)
    ended(scene, client(scene).delete(scene.name))


CASES = [
    Case("nothing", lambda _: None, None),
    Case("serving", deployed, "ready"),
    Case("only-the-endpoint", only_endpoint, "creating"),
    Case("only-the-model", only_model, None),
    Case("endpoint-and-model", endpoint_and_model, "creating"),
    Case("deployment-failed", deployed_wrong, "failed", WRONG),
    Case("old-one-still-deployed", updated_not_tidied, "ready"),
    Case("traffic-split-by-hand", split_by_hand, "ready"),
    Case("traffic-moved-back", moved_back, "ready"),
    Case("traffic-removed", traffic_removed, "failed", "no deployed model"),
    Case("undeployed-by-hand", undeployed, "creating", "Nothing is deployed"),
    Case("more-replicas", more_replicas, "ready"),
    Case("labels-removed", labels_removed, "ready"),
    Case("another-team", team_removed, "ready"),
    Case("deleted-by-hand", deleted, None),
]


def assert_as_requested(scene: Scene) -> None:
    found, current = scene.target.describe(scene.name), document(scene)
    assert found is not None
    assert (found.state, found.version, found.reason) == ("ready", scene.request.version, "")
    (only,) = current["deployedModels"]
    assert current["trafficSplit"] == {only["id"]: 100}
    assert only["dedicatedResources"]["minReplicaCount"] == scene.request.replicas
    assert tags_of(current) == scene.request.all_tags
    assert current["labels"] == labels(scene.request.all_tags)
    assert len(models_of(client(scene), scene.name)) == 1
    eventually(scene.serves)
    eventually(lambda: len(scene.sandbox.servers("gcp")) == 1)  # whatever its replicas, the sandbox runs one


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patched:
        variables = sandbox.use("gcp", patched)
        package = tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)
        request = states.request(variables["INTERMODAL_GCP_IMAGE"], uploader(variables)(package, "flight_delay/1.2.0"))
        target = make_vertex(variables)
        yield Scene(sandbox, target, request, package, target._client())


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Nothing is there before, and nothing is left after."""
    assert client(shared).endpoint(shared.name) is None
    yield shared
    shared.target.delete(shared.name)
    eventually(lambda: shared.sandbox.servers("gcp") == [])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_deploy_over_state_is_as_requested(scene: Scene, case: Case) -> None:
    scene.deploy_over(case)
    assert_as_requested(scene)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_delete_of_state_leaves_nothing(scene: Scene, case: Case) -> None:
    case.make(scene)
    scene.target.delete(scene.name)
    assert client(scene).endpoint(scene.name) is None
    assert models_of(client(scene), scene.name) == []
    eventually(lambda: scene.sandbox.servers("gcp") == [])


def test_replica_that_is_unavailable_is_named_then_continued(scene: Scene) -> None:
    deployed(scene)
    full = f"{client(scene).parent}/endpoints/{scene.name}"
    (only,) = document(scene)["deployedModels"]
    stuck = {**only, "status": {"message": "Waiting for capacity."}}
    scene.sandbox.change("gcp", "vertex_endpoints", full, endpoint={"deployedModels": [stuck]})
    with pytest.raises(DeployFailed, match=r"Waiting for capacity\.") as caught:
        scene.short.deploy(scene.request)
    assert "Deploy again" in caught.value.hint
    scene.sandbox.change("gcp", "vertex_endpoints", full, endpoint={"deployedModels": [only]})
    assert scene.target.deploy(scene.request).state == "ready"
