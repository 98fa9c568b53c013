"""Deletion: preconditions, finalizers, dependents, a Pod's grace period and namespaces."""

from typing import Any

import pytest
from kubernetes import client as kube
from kubernetes.client.exceptions import ApiException

from tests.sandbox.kubernetes.running import config_map, deployment

pytestmark = pytest.mark.sandbox


def owned(name: str, owner: Any, *, blocks: bool = False) -> dict[str, Any]:
    body = config_map(name)
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner.metadata.name, "uid": owner.metadata.uid}
    body["metadata"]["ownerReferences"] = [reference | {"blockOwnerDeletion": blocks}]
    return body


def names(core: kube.CoreV1Api, namespace: str) -> list[str]:
    return [item.metadata.name for item in core.list_namespaced_config_map(namespace).items]


@pytest.mark.parametrize(
    ("policy", "left"), [("Background", []), ("Foreground", []), ("Orphan", ["child"]), (None, [])]
)
def test_dependents_follow_the_policy(api: kube.ApiClient, namespace: str, policy: str | None, left: list[str]) -> None:
    core, apps = kube.CoreV1Api(api), kube.AppsV1Api(api)
    owner = apps.create_namespaced_deployment(namespace, deployment())
    core.create_namespaced_config_map(namespace, owned("child", owner, blocks=True))
    apps.delete_namespaced_deployment("web", namespace, **({"propagation_policy": policy} if policy else {}))
    assert apps.list_namespaced_deployment(namespace).items == []
    assert names(core, namespace) == left
    if left:
        assert core.read_namespaced_config_map("child", namespace).metadata.owner_references is None


def test_foreground_owner_waits_for_a_held_dependent(api: kube.ApiClient, namespace: str) -> None:
    core, apps = kube.CoreV1Api(api), kube.AppsV1Api(api)
    owner = apps.create_namespaced_deployment(namespace, deployment())
    body = owned("child", owner, blocks=True)
    body["metadata"]["finalizers"] = ["example.com/hold"]
    core.create_namespaced_config_map(namespace, body)
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Foreground")
    waiting = apps.read_namespaced_deployment("web", namespace).metadata
    assert (waiting.finalizers, waiting.deletion_timestamp is not None) == (["foregroundDeletion"], True)
    core.patch_namespaced_config_map("child", namespace, {"metadata": {"finalizers": None}},
        _content_type="application/merge-patch+json")  # fmt: skip
    assert names(core, namespace) == []
    assert apps.list_namespaced_deployment(namespace).items == []


def test_precondition_that_fails_deletes_nothing(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, config_map())
    with pytest.raises(ApiException, match="Precondition failed: UID in precondition: other") as refused:
        core.delete_namespaced_config_map("settings", namespace, body={"preconditions": {"uid": "other"}})
    assert refused.value.status == 409
    assert names(core, namespace) == ["settings"]


def test_finalizer_holds_an_object_until_it_is_taken_off(api: kube.ApiClient, namespace: str) -> None:
    core, body = kube.CoreV1Api(api), config_map()
    body["metadata"]["finalizers"] = ["example.com/hold"]
    core.create_namespaced_config_map(namespace, body)
    core.delete_namespaced_config_map("settings", namespace)
    held = core.read_namespaced_config_map("settings", namespace)
    assert held.metadata.deletion_timestamp is not None
    held.metadata.finalizers = None
    core.replace_namespaced_config_map("settings", namespace, held)
    assert names(core, namespace) == []


def test_pod_on_a_node_ends_with_its_grace_period(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    spec = {"nodeName": "node-1", "containers": [{"name": "c", "image": "registry/c:1"}]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": spec})
    core.delete_namespaced_pod("p", namespace)
    ending = core.read_namespaced_pod("p", namespace).metadata
    assert (ending.deletion_grace_period_seconds, ending.deletion_timestamp is not None) == (30, True)
    core.delete_namespaced_pod("p", namespace, grace_period_seconds=0)
    assert core.list_namespaced_pod(namespace).items == []


def test_collection_is_deleted_by_labels(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    for name, labels in (("a", {"x": "1"}), ("b", {"x": "2"})):
        core.create_namespaced_config_map(namespace, config_map(name, labels))
    core.delete_collection_namespaced_config_map(namespace, label_selector="x=1")
    assert names(core, namespace) == ["b"]


def test_namespace_goes_with_its_content_and_takes_nothing_new(api: kube.ApiClient, namespace: str) -> None:
    core, body = kube.CoreV1Api(api), config_map("held")
    body["metadata"]["finalizers"] = ["example.com/hold"]
    core.create_namespaced_config_map(namespace, body)
    core.create_namespaced_config_map(namespace, config_map("free"))
    core.delete_namespace(namespace)
    assert names(core, namespace) == ["held"]
    assert core.read_namespace(namespace).status.phase == "Terminating"
    with pytest.raises(ApiException, match="because it is being terminated") as refused:
        core.create_namespaced_config_map(namespace, config_map("new"))
    assert refused.value.status == 403
    core.patch_namespaced_config_map("held", namespace, {"metadata": {"finalizers": None}},
        _content_type="application/merge-patch+json")  # fmt: skip
    with pytest.raises(ApiException, match="not found"):
        core.read_namespace(namespace)
