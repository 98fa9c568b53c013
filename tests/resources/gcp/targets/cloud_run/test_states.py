"""Cloud Run: every state that Google Cloud can leave a service in ends as requested after a deploy, and as nothing
after a delete, or with a reason that says what to do.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services has the conditions. Cloud Run deletes no
revision that serves, and not the newest one: no state comes from there.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.cloud import run_v2

from intermodal.platform.errors import DeployFailed, SpecError, Unavailable
from intermodal.resources.gcp.labels import labels
from intermodal.resources.gcp.targets.cloud_run.services import service_for, state_of
from tests import tiny_package
from tests.conformance.endpoint_target import eventually
from tests.resources import states
from tests.resources.gcp.support import make, uploader
from tests.resources.states import Case, Scene
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.sandbox
WRONG = "unheard-of"
MANUAL = run_v2.ServiceScaling.ScalingMode.MANUAL


def deployed(scene: Scene) -> None:
    assert scene.target.deploy(scene.request).state == "ready"


def service(scene: Scene) -> run_v2.Service:
    found: run_v2.Service = scene.client.find(scene.name)
    return found


def reconciled(scene: Scene) -> bool:
    return not service(scene).reconciling


def update(scene: Scene, change: Callable[[run_v2.Service], None]) -> None:
    """What a person changes in the console."""
    current = service(scene)
    wanted = run_v2.Service(current)
    change(wanted)
    assert scene.client.replace(current, wanted)
    eventually(lambda: reconciled(scene))


def becomes(scene: Scene, **changes: object) -> None:
    scene.sandbox.change("gcp", "services", f"{scene.client.parent}/services/{scene.name}", service=changes)


def condition(state: str, message: str = "") -> dict[str, object]:
    return {"terminalCondition": {"type": "Ready", "state": f"CONDITION_{state}", "message": message}}


def created_wrong(scene: Scene) -> None:
    """An earlier deploy's service, which never had a ready revision."""
    target: Any = scene.target
    wrong = replace(scene.request, image=f"{scene.request.image}-{WRONG}")
    assert scene.client.create(scene.name, service_for(wrong, target.target))
    eventually(lambda: reconciled(scene))


def same_but_failed(scene: Scene) -> None:
    """Exactly as requested; its cause may be gone."""
    deployed(scene)
    becomes(scene, **condition("FAILED", "The region had no machine."))


def updated_wrong(scene: Scene) -> None:
    """The newest revision failed, and the one before it serves."""
    deployed(scene)

    def change(wanted: run_v2.Service) -> None:
        wanted.template.containers[0].image += f"-{WRONG}"

    update(scene, change)


def old_attached(scene: Scene) -> None:
    assert scene.target.deploy(replace(scene.request, owner="team:earlier", replicas=2)).state == "ready"


def pinned(scene: Scene) -> None:
    """A person rolled back: the traffic goes to an old revision by its name, whatever is newest."""
    old_attached(scene)
    old = service(scene).latest_ready_revision.rsplit("/", 1)[1]
    deployed(scene)

    def change(wanted: run_v2.Service) -> None:
        kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
        wanted.traffic = [run_v2.TrafficTarget(type_=kind, revision=old, percent=100)]

    before = scene.sandbox.servers("gcp")
    update(scene, change)
    assert scene.sandbox.servers("gcp") != before


def scaled(scene: Scene, **scaling: Any) -> None:
    deployed(scene)

    def change(wanted: run_v2.Service) -> None:
        wanted.scaling = run_v2.ServiceScaling(**scaling)

    update(scene, change)


def scaled_pair(scene: Scene) -> None:
    """Two replicas are requested, and the whole service may have one."""
    deployed(replace(scene, request=replace(scene.request, replicas=2)))

    def change(wanted: run_v2.Service) -> None:
        wanted.scaling = run_v2.ServiceScaling(max_instance_count=1)

    update(scene, change)


def stopped(scene: Scene) -> None:
    scaled(scene, scaling_mode=MANUAL)
    assert not scene.serves()


def revision_scaled(scene: Scene) -> None:
    deployed(scene)

    def change(wanted: run_v2.Service) -> None:
        wanted.template.scaling.min_instance_count = 3
        wanted.template.scaling.max_instance_count = 9

    update(scene, change)


def labels_removed(scene: Scene) -> None:
    deployed(scene)
    update(scene, lambda wanted: wanted.labels.clear())


def annotations_removed(scene: Scene) -> None:
    deployed(scene)
    update(scene, lambda wanted: wanted.annotations.pop("intermodal-team"))


def deleted(scene: Scene) -> None:
    deployed(scene)
    assert scene.client.delete(scene.name)


def crashed(scene: Scene) -> None:
    deployed(scene)
    for process in scene.sandbox.servers("gcp"):
        process.kill()


CASES = [
    Case("nothing", lambda _: None, None),
    Case("serving", deployed, "ready"),
    Case("without-a-ready-revision", created_wrong, "failed", WRONG),
    Case("failed-with-all-traffic", same_but_failed, "failed", "no machine"),
    Case("newest-failed-and-an-old-one-serves", updated_wrong, "failed", WRONG),
    Case("old-revision-attached", old_attached, "ready"),
    Case("traffic-on-an-old-revision", pinned, "failed", "100 % to revision"),
    Case("stopped", stopped, "failed", "by hand to 0"),
    Case("scaled-by-hand", lambda scene: scaled(scene, scaling_mode=MANUAL, manual_instance_count=4), "ready"),
    Case("maximum-of-the-service-too-low", scaled_pair, "ready"),
    Case("limits-of-the-service-changed", lambda scene: scaled(scene, min_instance_count=2), "ready"),
    Case("revision-scaled-by-hand", revision_scaled, "ready"),
    Case("labels-removed", labels_removed, "ready"),
    Case("annotations-removed", annotations_removed, "ready"),
    Case("deleted-by-hand", deleted, None),
    Case("server-crashed", crashed, "ready"),
]


def assert_as_requested(scene: Scene) -> None:
    found, current = scene.target.describe(scene.name), service(scene)
    assert found is not None
    assert (found.state, found.version, found.reason) == ("ready", scene.request.version, "")
    assert current.template.scaling.min_instance_count == scene.request.replicas
    assert current.template.containers[0].image == scene.request.image
    assert (current.scaling.scaling_mode, current.scaling.min_instance_count) == (1, 0)
    assert [(entry.type_.name[-6:], entry.percent) for entry in current.traffic] == [("LATEST", 100)]
    assert dict(current.annotations) == scene.request.all_tags
    assert dict(current.labels) == labels(scene.request.all_tags)
    eventually(scene.serves)
    eventually(lambda: len(scene.sandbox.servers("gcp")) == 1)  # whatever its capacity, the sandbox runs one


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch:
        variables = sandbox.use("gcp", patch)
        package = tiny_package.build(tmp_path_factory.mktemp("package"), seed=1)
        request = states.request(variables["INTERMODAL_GCP_IMAGE"], uploader(variables)(package, "flight_delay/1.2.0"))
        target = make(variables)
        yield Scene(sandbox, target, request, package, target._services())


@pytest.fixture
def scene(shared: Scene) -> Iterator[Scene]:
    """Nothing is there before, and nothing is left after."""
    assert shared.client.find(shared.name) is None
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
    assert scene.client.find(scene.name) is None
    eventually(lambda: scene.sandbox.servers("gcp") == [])


def test_change_that_does_not_end_is_named_then_continued(scene: Scene) -> None:
    deployed(scene)
    becomes(scene, reconciling=True, **condition("RECONCILING", "Waiting for capacity."))
    assert state_of(service(scene)) == ("creating", "Waiting for capacity.")
    with pytest.raises(DeployFailed, match=r"it is creating\. Waiting for capacity\.") as caught:
        scene.short.deploy(scene.request)
    assert "Deploy again" in caught.value.hint
    becomes(scene, reconciling=False, **condition("SUCCEEDED"))
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


def test_deletion_that_does_not_end_is_named(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(scene)
    becomes(scene, deleteTime="2026-11-30T12:00:00Z")
    assert scene.state() == "deleting"
    with pytest.raises(DeployFailed, match="it is deleting"):
        scene.short.deploy(scene.request)
    with monkeypatch.context() as patch:
        patch.setattr("intermodal.resources.gcp.targets.cloud_run.client.Services.delete", lambda *_: True)
        with pytest.raises(Unavailable, match="still being deleted") as caught:
            scene.short.delete(scene.name)
    assert "again later" in caught.value.hint
    assert scene.client.delete(scene.name)
    assert scene.target.deploy(scene.request).state == "ready"
    assert_as_requested(scene)


def test_traffic_to_an_unknown_revision_is_refused(scene: Scene) -> None:
    deployed(scene)
    wanted = run_v2.Service(service(scene))
    kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    wanted.traffic = [run_v2.TrafficTarget(type_=kind, revision="nobodys", percent=100)]
    with pytest.raises(SpecError, match="nobodys"):
        scene.client.replace(service(scene), wanted)
    assert scene.serves()
