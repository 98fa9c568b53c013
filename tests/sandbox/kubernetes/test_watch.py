"""Watches: from a version, by selector, with bookmarks, and 410 for a version that is forgotten."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client as kube
from kubernetes import config, watch
from kubernetes.client.exceptions import ApiException

from intermodal.sandbox.kubernetes.server import Settings
from intermodal.sandbox.settings import free_port
from tests.sandbox.kubernetes.running import Running, config_map, running

pytestmark = pytest.mark.sandbox


def events_of(call: Callable[..., Any], *arguments: Any, **query: Any) -> list[tuple[str, str]]:
    """All until the server ends the watch."""
    stream = watch.Watch().stream(call, *arguments, timeout_seconds=1, **query)
    return [(event["type"], event["object"].metadata.name) for event in stream]


def test_watch_from_a_version_has_what_came_after(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, config_map("old"))
    begin = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("new"))
    core.patch_namespaced_config_map("old", namespace, {"data": {"a": "b"}},
        _content_type="application/merge-patch+json")  # fmt: skip
    core.delete_namespaced_config_map("old", namespace)
    found = events_of(core.list_namespaced_config_map, namespace, resource_version=begin)
    assert found == [("ADDED", "new"), ("MODIFIED", "old"), ("DELETED", "old")]


def test_watch_without_a_version_begins_with_what_exists(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    core.create_namespaced_config_map(namespace, config_map("old"))
    assert events_of(core.list_namespaced_config_map, namespace) == [("ADDED", "old")]


def test_object_that_leaves_the_selection_is_deleted_for_it(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    begin = core.create_namespaced_config_map(namespace, config_map("c", {"a": "1"})).metadata.resource_version
    for value in ("2", "1"):
        core.patch_namespaced_config_map("c", namespace, {"metadata": {"labels": {"a": value}}},
            _content_type="application/merge-patch+json")  # fmt: skip
    found = events_of(core.list_namespaced_config_map, namespace, resource_version=begin, label_selector="a=1")
    assert found == [("DELETED", "c"), ("ADDED", "c")]


def test_watch_of_a_forgotten_version_is_410(api: kube.ApiClient, namespace: str, cluster: Running) -> None:
    core = kube.CoreV1Api(api)
    begin = core.create_namespaced_config_map(namespace, config_map()).metadata.resource_version
    core.delete_namespaced_config_map("settings", namespace)
    cluster.call(cluster.cluster.store.compact)
    with pytest.raises(ApiException, match="Expired: too old resource version") as refused:
        events_of(core.list_namespaced_config_map, namespace, resource_version=begin)
    assert refused.value.status == 410


def test_watch_ends_with_a_bookmark_at_the_newest_version(api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    response = core.list_namespaced_config_map(namespace, watch=True, allow_watch_bookmarks=True, timeout_seconds=1,
        resource_version=core.list_namespaced_config_map(namespace).metadata.resource_version,
        _preload_content=False)  # fmt: skip
    events = [json.loads(line) for line in response.data.splitlines()]
    assert events[-1]["type"] == "BOOKMARK"
    assert int(events[-1]["object"]["metadata"]["resourceVersion"]) > 0


def test_watch_is_cut_when_the_server_stops(tmp_path: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        with running(Settings("cut", tmp_path, free_port(), "t")) as server:
            with config.new_client_from_config(str(server.kubeconfig)) as api:
                core = kube.CoreV1Api(api)
                response = core.list_namespaced_config_map("default", watch=True, _preload_content=False,
                    resource_version=str(server.cluster.store.version))  # fmt: skip
                reading = pool.submit(response.read)
        assert reading.result(30) == b""
