"""kubectl's apply, of both sorts, its patches, and its waiting."""

import json
from pathlib import Path

import pytest
from kubernetes import client as kube

from tests.sandbox.kubernetes.running import Kubectl, config_map, deployment

pytestmark = pytest.mark.sandbox


def test_apply_twice_is_created_then_unchanged(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=deployment()) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", "-", stdin=deployment()) == "deployment.apps/web unchanged\n"
    assert kubectl("apply", "-f", "-", stdin=deployment(replicas=2)) == "deployment.apps/web configured\n"
    assert kubectl.json("get", "deployment", "web")["spec"]["replicas"] == 2


def test_apply_without_a_field_removes_it(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=config_map(a="1", b="2"))
    kubectl("apply", "-f", "-", stdin=config_map(a="1"))
    assert kubectl.json("get", "configmap", "settings")["data"] == {"a": "1"}


def test_server_side_apply_names_the_manager_in_conflict(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in kubectl(*apply, "--field-manager=first", stdin=deployment(replicas=1))
    error = kubectl.refused(*apply, "--field-manager=second", stdin=deployment(replicas=2))
    assert 'Apply failed with 1 conflict: conflict with "first": .spec.replicas' in error
    kubectl(*apply, "--field-manager=second", "--force-conflicts", stdin=deployment(replicas=2))
    found = kubectl.json("get", "deployment", "web", "--show-managed-fields")
    owners = {
        entry["manager"]: "f:replicas" in entry["fieldsV1"]["f:spec"] for entry in found["metadata"]["managedFields"]
    }
    assert owners == {"first": False, "second": True}
    assert found["metadata"]["generation"] == 2


def test_server_side_apply_takes_over_from_client_side(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment(replicas=1))
    kubectl("apply", "--server-side", "-f", "-", stdin=deployment(replicas=3))
    found = kubectl.json("get", "deployment", "web", "--show-managed-fields")
    assert found["spec"]["replicas"] == 3
    owners = {entry["manager"] for entry in found["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]}
    assert owners == {"kubectl"}


def test_server_side_apply_of_an_unknown_field_is_refused(kubectl: Kubectl) -> None:
    error = kubectl.refused("apply", "--server-side", "-f", "-", stdin=deployment(replicsa=1))
    assert ".spec.replicsa: field not declared in schema" in error


def test_scaled_replicas_are_anothers_for_apply(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", stdin=deployment(replicas=1))
    kubectl("scale", "deployment/web", "--replicas=5")
    error = kubectl.refused("apply", "--server-side", "-f", "-", stdin=deployment(replicas=1))
    assert ".spec.replicas" in error


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("merge", {"spec": {"replicas": 2}}),
        ("strategic", {"spec": {"replicas": 2}}),
        ("json", [{"op": "replace", "path": "/spec/replicas", "value": 2}]),
    ],
)
def test_patch_of_each_type_changes_the_replicas(kubectl: Kubectl, kind: str, patch: object) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    kubectl("patch", "deployment", "web", f"--type={kind}", "-p", json.dumps(patch))
    assert kubectl.json("get", "deployment", "web")["spec"]["replicas"] == 2


def test_strategic_patch_merges_containers_by_name(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    kubectl("set", "image", "deployment/web", "server=registry/web:2")
    sidecar = {"name": "sidecar", "image": "registry/sidecar:1"}
    kubectl("patch", "deployment", "web", "-p", json.dumps({"spec": {"template": {"spec": {"containers": [sidecar]}}}}))
    spec = kubectl.json("get", "deployment", "web")["spec"]["template"]["spec"]
    assert {item["name"]: item["image"] for item in spec["containers"]} == {
        "server": "registry/web:2", "sidecar": "registry/sidecar:1",
    }  # fmt: skip


def test_diff_prints_what_apply_would_change(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment(replicas=1))
    assert kubectl.run("diff", "-f", "-", stdin=deployment(replicas=1)).returncode == 0
    done = kubectl.run("diff", "-f", "-", stdin=deployment(replicas=4))
    assert done.returncode == 1
    assert "+  replicas: 4" in done.stdout
    assert kubectl.json("get", "deployment", "web")["spec"]["replicas"] == 1


def test_rollout_and_wait_read_the_status(kubectl: Kubectl, api: kube.ApiClient) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    waiting = kubectl.run("rollout", "status", "deployment/web", "--timeout=1s")
    assert waiting.returncode != 0
    assert "Waiting for deployment spec update to be observed" in waiting.stdout
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), 1)
    conditions = [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "ok"}]
    kube.AppsV1Api(api).patch_namespaced_deployment_status("web", kubectl.namespace,
        {"status": counts | {"observedGeneration": 1, "conditions": conditions}},
        _content_type="application/merge-patch+json")  # fmt: skip
    assert 'deployment "web" successfully rolled out' in kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert "condition met" in kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=30s")
    assert kubectl("get", "deploy", "--no-headers").split()[:4] == ["web", "1/1", "1", "1"]


def test_restart_changes_the_template(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=deployment())
    kubectl("rollout", "restart", "deployment/web")
    found = kubectl.json("get", "deployment", "web")
    assert "kubectl.kubernetes.io/restartedAt" in found["spec"]["template"]["metadata"]["annotations"]
    assert found["metadata"]["generation"] == 2


def test_apply_of_a_file_with_every_kind_is_stored(kubectl: Kubectl, tmp_path: Path) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    selector = {"matchLabels": {"app": "web"}}
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry/c:1"}]}}}
    documents = [
        deployment(),
        config_map(),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "data": {"a": "Yg=="}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
         "spec": {"scaleTargetRef": target, "maxReplicas": 3}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
         "spec": {"minAvailable": 1, "selector": selector}},
        {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"},
         "spec": {"podSelector": selector}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": job},
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "leader"},
         "spec": {"holderIdentity": "a"}},
        {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "web"},
         "addressType": "IPv4", "endpoints": [], "ports": []},
    ]  # fmt: skip
    file = tmp_path / "all.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    assert kubectl("apply", "-f", str(file)).count(" created\n") == len(documents)
    assert kubectl("apply", "-f", str(file)).count(" unchanged\n") == len(documents)
    kubectl("apply", "--server-side", "-f", str(file))
    assert kubectl.json("get", "secret", "key")["data"] == {"a": "Yg=="}
    assert len(kubectl.json("get", "-f", str(file))["items"]) == len(documents)
    for kind in ("deploy", "cm", "secret", "sa", "svc", "hpa", "pdb", "netpol", "job", "lease", "endpointslice", "ns"):
        assert kubectl("get", kind, "-o", "wide", "--no-headers").strip(), kind
    kubectl("delete", "-f", str(file))
    assert kubectl("get", "all", "--no-headers") == ""
