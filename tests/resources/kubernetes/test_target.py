"""Deployments against the sandbox's API server, whose controllers the tests play."""

from dataclasses import replace

import pytest

from intermodal.platform.errors import DeployFailed, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.kubernetes.api import Api
from intermodal.resources.kubernetes.labels import TAGS_ANNOTATION, tags_of
from intermodal.resources.kubernetes.removal import KINDS
from intermodal.resources.kubernetes.rollout import Rollout
from intermodal.resources.onprem.targets.kubernetes import OnpremKubernetesTarget
from intermodal.sandbox.faults import Faults
from intermodal.sandbox.kubernetes.access import Refusal
from intermodal.sandbox.kubernetes.resources import POD
from tests.resources.kubernetes.controllers import Controllers
from tests.resources.kubernetes.documents import NAME, REQUEST
from tests.sandbox.kubernetes.running import Running

BAD = replace(REQUEST, image=f"registry.example/none@sha256:{'0' * 64}", digest="1" * 64)
PULL = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}}
CRASH = {
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
    "lastState": {"terminated": {"exitCode": 3, "reason": "Error", "message": "no package", "containerID": "c"}},
}


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intermodal.resources.kubernetes.rollout.WINDOW_SECONDS", 1)


def kinds(api: Api) -> list[str]:
    return [kind for kind in KINDS if api.get(kind, NAME)]


@pytest.mark.usefixtures("controllers")
def test_deploy_is_ready_described_and_listed(target: OnpremKubernetesTarget) -> None:
    endpoint = target.deploy(REQUEST)
    assert endpoint.state == "ready"
    assert endpoint.url == "http://10.1.2.3:80/v2/models/flight_delay/infer"
    assert (endpoint.name, endpoint.version, endpoint.digest) == (NAME, "1.2.0", REQUEST.digest)
    assert target.describe(NAME) == endpoint
    assert list(target.list("production")) == list(target.list("production", "flight_delay")) == [endpoint]
    assert list(target.list("staging")) == list(target.list("production", "flight_delay,")) == []
    assert target.upstream(endpoint).url == endpoint.url


@pytest.mark.usefixtures("controllers")
def test_deploy_again_changes_nothing(target: OnpremKubernetesTarget, api: Api) -> None:
    endpoint = target.deploy(REQUEST)
    before = {kind: api.get(kind, NAME)["metadata"].get("generation") for kind in KINDS}  # type: ignore[index]
    assert target.deploy(REQUEST) == endpoint
    assert {kind: api.get(kind, NAME)["metadata"].get("generation") for kind in KINDS} == before  # type: ignore[index]


@pytest.mark.usefixtures("controllers")
def test_deploy_keeps_the_autoscalers_replicas(target: OnpremKubernetesTarget, api: Api) -> None:
    target.deploy(REQUEST)
    api.scale(NAME, 4)
    target.deploy(replace(REQUEST, digest="2" * 64))
    found = api.get("Deployment", NAME)
    assert found is not None
    assert found["spec"]["replicas"] == 4


def test_deploy_first_that_fails_is_deleted(target: OnpremKubernetesTarget, controllers: Controllers, api: Api) -> None:
    controllers.failing[BAD.image] = PULL
    with pytest.raises(DeployFailed, match="ImagePullBackOff: manifest unknown") as caught:
        target.deploy(BAD)
    assert "deleted again" in caught.value.hint
    assert kinds(api) == []
    assert target.describe(NAME) is None


@pytest.mark.parametrize(("status", "words"), [(PULL, "manifest unknown"), (CRASH, r"exit code 3.*no package")])
def test_deploy_update_that_fails_is_undone(
    target: OnpremKubernetesTarget, controllers: Controllers, api: Api, status: dict[str, object], words: str
) -> None:
    endpoint = target.deploy(REQUEST)
    controllers.failing[BAD.image] = status
    with pytest.raises(DeployFailed, match=words) as caught:
        target.deploy(replace(BAD, replicas=5))
    assert "keeps serving" in caught.value.hint
    found, scaler = api.get("Deployment", NAME), api.get("HorizontalPodAutoscaler", NAME)
    assert found is not None
    assert scaler is not None
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == REQUEST.image
    assert tags_of(found) == REQUEST.all_tags
    assert scaler["spec"]["minReplicas"] == 2
    described = target.describe(NAME)
    assert described is not None
    assert (described.state, described.digest) == ("ready", endpoint.digest)
    assert target.deploy(REQUEST).digest == REQUEST.digest


def test_deploy_killed_update_describes_what_serves(
    target: OnpremKubernetesTarget, controllers: Controllers, api: Api
) -> None:
    target.deploy(REQUEST)
    controllers.failing[BAD.image] = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    killed = Rollout(target._api, BAD, target.target, target.options)
    killed.begin()
    assert killed.step() is None  # and then nothing more
    found = target.describe(NAME)
    assert found is not None
    assert (found.state, found.digest) == ("ready", REQUEST.digest)
    controllers.failing[BAD.image] = PULL
    for pod in controllers.documents(POD):
        api.delete(pod, "Pod")
    with pytest.raises(DeployFailed, match="manifest unknown") as caught:
        target.deploy(BAD)
    assert "keeps serving" in caught.value.hint


def test_deploy_killed_at_first_is_taken_up(target: OnpremKubernetesTarget, controllers: Controllers) -> None:
    controllers.paused = True
    Rollout(target._api, REQUEST, target.target, target.options).begin()
    found = target.describe(NAME)
    assert found is not None
    assert found.state == "creating"
    controllers.paused = False
    assert target.deploy(REQUEST).state == "ready"


def test_deploy_without_an_address_says_so(target: OnpremKubernetesTarget, controllers: Controllers) -> None:
    controllers.address = ""
    hurried = target.model_copy(update={"timeout_seconds": 2})
    with pytest.raises(DeployFailed, match="no address of a load balancer"):
        hurried.deploy(REQUEST)
    found = target.describe(NAME)
    assert found is not None
    assert found.state == "creating"
    with pytest.raises(Unavailable, match="no address"):
        target.invoke(NAME, b"{}")


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_object_of_another_is_not_touched(target: OnpremKubernetesTarget, api: Api, kind: str) -> None:
    Rollout(target._api, REQUEST, target.target, target.options).begin()
    theirs = api.get(kind, NAME)
    assert theirs is not None
    target.delete(NAME)
    about = {"name": NAME, "labels": theirs["metadata"]["labels"], "annotations": {TAGS_ANNOTATION: "{}"}}
    api.apply({"apiVersion": theirs["apiVersion"], "kind": kind, "metadata": about, "spec": theirs["spec"]})
    with pytest.raises(Refused, match=f"{kind} '{NAME}' exists.*not made by Intermodal"):
        target.deploy(REQUEST)
    if kind == "Deployment":
        with pytest.raises(Refused, match="is not deleted"):
            target.delete(NAME)
        assert target.describe(NAME) is None
        assert list(target.list("production")) == []
    else:
        target.delete(NAME)
    assert kinds(api) == [kind]


@pytest.mark.usefixtures("controllers")
def test_delete_leaves_nothing_and_is_idempotent(target: OnpremKubernetesTarget, api: Api) -> None:
    target.deploy(REQUEST)
    target.delete(NAME)
    assert kinds(api) == []
    assert api.find("Pod", {"app.kubernetes.io/instance": NAME}) == []
    target.delete(NAME)
    with pytest.raises(NotFound, match=NAME):
        target.invoke(NAME, b"{}")


@pytest.mark.usefixtures("controllers")
def test_deploy_with_some_errors_succeeds(target: OnpremKubernetesTarget, cluster: Running) -> None:
    cluster.cluster.faults = Faults(error_rate=0.1, throttle_rate=0.1)
    assert target.model_copy(update={"retry_seconds": 20}).deploy(REQUEST).state == "ready"


@pytest.mark.parametrize(
    ("faults", "error"),
    [(Faults(refuse=True), Refused), (Faults(throttle_rate=1), Throttled), (Faults(error_rate=1), Unavailable)],
    ids=["refused", "throttled", "unavailable"],
)
def test_faults_are_errors_with_a_hint(
    target: OnpremKubernetesTarget, cluster: Running, faults: Faults, error: type[Exception]
) -> None:
    assert target.answers() is True
    cluster.cluster.faults = faults
    for call in (lambda: target.describe(NAME), lambda: target.list("production"), lambda: target.deploy(REQUEST)):
        with pytest.raises(error) as caught:
            call()
        assert caught.value.hint  # type: ignore[attr-defined]
    assert target.answers() is False


def test_answers_without_the_right_to_deploy_is_false(target: OnpremKubernetesTarget, cluster: Running) -> None:
    cluster.cluster.access.refusals = [Refusal("patch", "apps", "deployments")]
    assert target.answers() is False
    with pytest.raises(Refused, match="deployments") as caught:
        target.deploy(REQUEST)
    assert "poddisruptionbudgets" in caught.value.hint
