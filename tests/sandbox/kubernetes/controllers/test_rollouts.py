"""Deployments by kubectl, from the apply to the answer through the load balancer's address."""

import urllib.request
from typing import Any

import pytest

from tests.sandbox.kubernetes.controllers.documents import deployment, service
from tests.sandbox.kubernetes.controllers.load import Load
from tests.sandbox.kubernetes.running import Kubectl

pytestmark = pytest.mark.sandbox


def address(kubectl: Kubectl, name: str = "web") -> str:
    found = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    kubectl("wait", "--for=jsonpath={.status.loadBalancer.ingress}", f"service/{name}", "--timeout=30s")
    return f"http://{kubectl('get', 'service', name, '-o', found)}:8000"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_deployment_becomes_ready_and_answers(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=service())
    kubectl("apply", "-f", "-", stdin=deployment(spec={"replicas": 2}))
    output = kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert 'deployment "web" successfully rolled out' in output
    url = address(kubectl)
    pods = kubectl("get", "pods", "-o", "name").split()
    assert {f"pod/{get(url).split()[0]}" for _ in range(4)} == set(pods)


def test_rollout_to_another_template_loses_no_request(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=service())
    sleep = {"preStop": {"sleep": {"seconds": 2}}}
    kubectl("apply", "-f", "-", stdin=deployment(lifecycle=sleep))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    url = address(kubectl)
    with Load(url) as load:
        load.until("1")
        kubectl("apply", "-f", "-", stdin=deployment(release="2", lifecycle=sleep))
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        load.until("2")
    assert (load.failures, load.releases) == ([], ["1", "2"])
    history = kubectl("rollout", "history", "deployment/web")
    assert [line.split()[0] for line in history.splitlines() if line[:1].isdigit()] == ["1", "2"]


def test_undo_goes_back_to_the_earlier_template(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=service())
    for release in ("1", "2"):
        kubectl("apply", "-f", "-", stdin=deployment(release=release))
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert get(address(kubectl)).split()[1] == "1"
    sets = kubectl.json("get", "replicasets")["items"]
    assert len(sets) == 2
    revision = "deployment.kubernetes.io/revision"
    assert kubectl.json("get", "deployment", "web")["metadata"]["annotations"][revision] == "3"


def test_recreate_ends_every_pod_before_the_first_new_one(kubectl: Kubectl) -> None:
    spec = {"strategy": {"type": "Recreate"}, "replicas": 2}
    kubectl("apply", "-f", "-", stdin=deployment(spec=spec))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("apply", "-f", "-", stdin=deployment(release="2", spec=spec))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    events = kubectl.json("get", "events", "--field-selector=reason=ScalingReplicaSet")["items"]
    steps = [event["message"].split(" from ")[1] for event in sorted(events, key=version)]
    assert steps == ["0 to 2", "2 to 0", "0 to 2"]


def test_rollout_that_cannot_start_keeps_what_serves_and_times_out(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=service())
    kubectl("apply", "-f", "-", stdin=deployment(spec={"progressDeadlineSeconds": 2}))
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    broken = deployment(release="2", probe="/broken", spec={"progressDeadlineSeconds": 2})
    kubectl("apply", "-f", "-", stdin=broken)
    error = kubectl.refused("rollout", "status", "deployment/web", "--timeout=60s")
    assert 'deployment "web" exceeded its progress deadline' in error
    assert get(address(kubectl)).split()[1] == "1"
    status = kubectl.json("get", "deployment", "web")["status"]
    conditions = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("False", "ProgressDeadlineExceeded"),
    }
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == (2, 1, 1)


def test_scaling_changes_pods_and_deletion_ends_them(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment())
    kubectl("scale", "deployment/web", "--replicas=3")
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert len(kubectl.json("get", "pods")["items"]) == 3
    kubectl("scale", "deployment/web", "--replicas=1")
    kubectl("wait", "--for=jsonpath={.status.replicas}=1", "deployment/web", "--timeout=60s")
    pod = kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", "name").split()
    kubectl("delete", "deployment", "web", "--cascade=foreground")
    assert kubectl("get", "pods,replicasets", "-o", "name") == ""
    assert pod


def test_history_keeps_as_many_sets_as_it_has_room_for(kubectl: Kubectl) -> None:
    for release in "1234":
        kubectl("apply", "-f", "-", stdin=deployment(release=release, spec={"revisionHistoryLimit": 1}))
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    found = kubectl.json("get", "replicasets")["items"]
    revision = "deployment.kubernetes.io/revision"
    assert sorted(each["metadata"]["annotations"][revision] for each in found) == ["3", "4"]


def version(document: dict[str, Any]) -> int:
    return int(document["metadata"]["resourceVersion"])
