"""The official Python client, typed and dynamic: concurrency, paging, selectors, status and scale."""

from typing import Any

import pytest
from kubernetes import client as kube
from kubernetes import dynamic
from kubernetes.client.exceptions import ApiException

from intermodal.sandbox.kubernetes.resources import CONFIG_MAP as RESOURCE
from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import free_port
from tests.sandbox.kubernetes.running import Running, config_map, deployment, running

pytestmark = pytest.mark.sandbox


def reason_of(error: ApiException) -> tuple[int, str]:
    return error.status, kube.ApiClient().deserialize(Body(error.body), "object")["reason"]


class Body:
    """What the client's deserializer wants of a response."""

    def __init__(self, data: str) -> None:
        self.data = data


def test_replace_with_a_stale_version_is_a_conflict(api: kube.ApiClient, namespace: str) -> None:
    apps = kube.AppsV1Api(api)
    stale = apps.create_namespaced_deployment(namespace, deployment())
    apps.patch_namespaced_deployment("web", namespace, {"metadata": {"labels": {"a": "b"}}},
        _content_type="application/merge-patch+json")  # fmt: skip
    with pytest.raises(ApiException) as refused:
        apps.replace_namespaced_deployment("web", namespace, stale)
    assert reason_of(refused.value) == (409, "Conflict")
    fresh = apps.read_namespaced_deployment("web", namespace)
    fresh.spec.replicas = 5
    assert apps.replace_namespaced_deployment("web", namespace, fresh).metadata.generation == 2


def test_selector_of_a_deployment_is_immutable(api: kube.ApiClient, namespace: str) -> None:
    apps = kube.AppsV1Api(api)
    apps.create_namespaced_deployment(namespace, deployment())
    other = deployment("other") | {"metadata": {"name": "web"}}
    with pytest.raises(ApiException) as refused:
        apps.replace_namespaced_deployment("web", namespace, other)
    assert reason_of(refused.value) == (422, "Invalid")
    assert "field is immutable" in refused.value.body


def test_status_and_spec_are_written_apart(api: kube.ApiClient, namespace: str) -> None:
    apps = kube.AppsV1Api(api)
    made = apps.create_namespaced_deployment(namespace, deployment() | {"status": {"replicas": 9}})
    assert made.status.replicas is None
    made.status.replicas, made.spec.replicas = 2, 7
    written = apps.replace_namespaced_deployment_status("web", namespace, made)
    assert (written.status.replicas, written.spec.replicas, written.metadata.generation) == (2, 1, 1)
    written.status.replicas = 3
    assert apps.replace_namespaced_deployment("web", namespace, written).status.replicas == 2
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    assert (scale.spec.replicas, scale.status.replicas, scale.status.selector) == (1, 2, "app=web")


def test_update_that_changes_nothing_keeps_the_version(api: kube.ApiClient, namespace: str) -> None:
    apps = kube.AppsV1Api(api)
    made = apps.create_namespaced_deployment(namespace, deployment())
    again = apps.replace_namespaced_deployment("web", namespace, made)
    assert again.metadata.resource_version == made.metadata.resource_version


def test_list_in_pages_is_of_one_version(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    for number in range(5):
        core.create_namespaced_config_map(namespace, config_map(f"c{number}"))
    first = core.list_namespaced_config_map(namespace, limit=2)
    assert [item.metadata.name for item in first.items] == ["c0", "c1"]
    assert first.metadata.remaining_item_count == 3
    core.delete_namespaced_config_map("c2", namespace)
    last = core.list_namespaced_config_map(namespace, limit=9, _continue=first.metadata._continue)
    assert [item.metadata.name for item in last.items] == ["c2", "c3", "c4"]
    assert last.metadata.resource_version == first.metadata.resource_version
    assert last.metadata._continue is None


def test_expired_page_is_410(api: kube.ApiClient, namespace: str, cluster: Running) -> None:
    core = kube.CoreV1Api(api)
    for number in range(2):
        core.create_namespaced_config_map(namespace, config_map(f"c{number}"))
    first = core.list_namespaced_config_map(namespace, limit=1)
    cluster.call(cluster.cluster.store.compact)
    with pytest.raises(ApiException) as refused:
        core.list_namespaced_config_map(namespace, limit=1, _continue=first.metadata._continue)
    assert reason_of(refused.value) == (410, "Expired")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", ["a"]),
        ("tier==web", ["a"]),
        ("tier!=web", ["b", "c"]),
        ("tier in (web, db)", ["a", "b"]),
        ("tier notin (web),team", ["b"]),
        ("tier", ["a", "b"]),
        ("!tier", ["c"]),
    ],
)
def test_list_by_labels(api: kube.ApiClient, namespace: str, selector: str, names: list[str]) -> None:
    core = kube.CoreV1Api(api)
    for name, labels in (("a", {"tier": "web"}), ("b", {"tier": "db", "team": "x"}), ("c", {"mine": "1"})):
        core.create_namespaced_config_map(namespace, config_map(name, labels))
    assert [
        item.metadata.name for item in core.list_namespaced_config_map(namespace, label_selector=selector).items
    ] == (names)


def test_list_by_fields(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    for name in ("a", "b"):
        core.create_namespaced_config_map(namespace, config_map(name))
    found = core.list_config_map_for_all_namespaces(field_selector=f"metadata.namespace={namespace},metadata.name!=a")
    assert [item.metadata.name for item in found.items] == ["b"]
    with pytest.raises(ApiException, match="field label not supported: data"):
        core.list_namespaced_config_map(namespace, field_selector="data=1")


def test_generated_name_begins_as_given(api: kube.ApiClient, namespace: str) -> None:
    body: dict[str, Any] = config_map()
    body["metadata"] = {"generateName": "run-"}
    name = kube.CoreV1Api(api).create_namespaced_config_map(namespace, body).metadata.name
    assert name.startswith("run-")
    assert len(name) == len("run-") + 5


def test_dry_run_stores_nothing(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    assert core.create_namespaced_config_map(namespace, config_map(), dry_run="All").metadata.uid
    assert core.list_namespaced_config_map(namespace).items == []


def test_unknown_field_is_warned_of_and_left_out(api: kube.ApiClient, namespace: str) -> None:
    apps = kube.AppsV1Api(api)
    made, status, headers = apps.create_namespaced_deployment_with_http_info(namespace, deployment(replicsa=2))
    assert (status, headers["Warning"]) == (201, '299 - "unknown field \\"spec.replicsa\\""')
    assert made.spec.replicas == 1


def test_value_of_a_wrong_type_is_refused(api: kube.ApiClient, namespace: str) -> None:
    with pytest.raises(ApiException) as refused:
        kube.AppsV1Api(api).create_namespaced_deployment(namespace, deployment(replicas="two"))
    assert reason_of(refused.value) == (400, "BadRequest")


def test_namespace_that_is_missing_is_named(api: kube.ApiClient) -> None:
    with pytest.raises(ApiException, match='namespaces \\\\"absent\\\\" not found'):
        kube.CoreV1Api(api).create_namespaced_config_map("absent", config_map())


def test_dynamic_client_discovers_and_patches(dynamic_client: dynamic.DynamicClient, namespace: str) -> None:
    deployments = dynamic_client.resources.get(api_version="apps/v1", kind="Deployment")
    deployments.create(body=deployment(), namespace=namespace)
    found = deployments.patch(body={"spec": {"replicas": 2}}, name="web", namespace=namespace,
        content_type="application/merge-patch+json")  # fmt: skip
    assert found.spec.replicas == 2
    assert deployments.get(namespace=namespace).items[0].kind == "Deployment"


def test_service_has_an_address_and_keeps_it(api: kube.ApiClient, namespace: str) -> None:
    core, spec = kube.CoreV1Api(api), {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    made = core.create_namespaced_service(namespace, {"metadata": {"name": "web"}, "spec": spec})
    assert (made.spec.ports[0].target_port, made.spec.ports[0].protocol) == (80, "TCP")
    body = {"metadata": {"name": "web"}, "spec": spec | {"ports": [{"port": 81}]}}
    assert core.replace_namespaced_service("web", namespace, body).spec.cluster_ip == made.spec.cluster_ip


def test_unknown_token_is_unauthorized(api: kube.ApiClient, namespace: str) -> None:
    api.configuration.refresh_api_key_hook = None
    api.configuration.api_key = dict.fromkeys(api.configuration.api_key, "Bearer wrong")
    with pytest.raises(ApiException) as refused:
        kube.CoreV1Api(api).list_namespaced_pod(namespace)
    assert reason_of(refused.value) == (401, "Unauthorized")


def test_restarted_cluster_has_its_objects(tmp_path: Any) -> None:
    settings = Settings("again", tmp_path, free_port(), "t")
    with running(settings) as server:
        objects = server.cluster.objects
        made = server.call(lambda: objects.create(RESOURCE, config_map(), "default"))
    with running(settings) as server:
        found = server.call(lambda: server.cluster.objects.get(RESOURCE, "default", "settings"))
        assert found == made
        assert server.cluster.store.version >= int(made["metadata"]["resourceVersion"])
