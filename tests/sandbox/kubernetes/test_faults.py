"""Faults, refusals and what is not emulated, as clients see them."""

import json
import ssl
import urllib.request
from urllib.error import HTTPError

import pytest
from aiohttp import web
from kubernetes import client as kube
from kubernetes.client.exceptions import ApiException

from intermodal.sandbox.azure import pem
from intermodal.sandbox.faults import FAULTS_PATH
from intermodal.sandbox.kubernetes.access import PERMISSIONS_PATH
from tests.sandbox.kubernetes.conftest import TOKEN
from tests.sandbox.kubernetes.running import Running, config_map

pytestmark = pytest.mark.sandbox


def call(cluster: Running, method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(cluster.cluster.address + path, data, headers, method=method)
    trust = ssl.create_default_context(cafile=cluster.cluster.settings.home / pem.CA)
    try:
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:
        return error.code, dict(error.headers), error.read()


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ({"throttle_rate": 1}, 429, "TooManyRequests"),
        ({"error_rate": 1}, 500, "InternalError"),
        ({"refuse": True}, 403, "Forbidden"),
    ],
)
def test_fault_is_answered_as_a_status(cluster: Running, fault: dict[str, object], code: int, reason: str) -> None:
    assert call(cluster, "PUT", FAULTS_PATH, fault)[0] == 200
    status, headers, body = call(cluster, "GET", "/api/v1/namespaces/default/pods")
    assert (status, json.loads(body)["kind"], json.loads(body)["reason"]) == (code, "Status", reason)
    assert headers.get("Retry-After") == ("1" if code == 429 else None)


def test_unknown_fault_is_refused(cluster: Running) -> None:
    assert call(cluster, "PUT", FAULTS_PATH, {"wrong": 1})[0] == 400


def test_refusals_over_http_take_and_give_back(cluster: Running, api: kube.ApiClient, namespace: str) -> None:
    core = kube.CoreV1Api(api)
    assert call(cluster, "PUT", PERMISSIONS_PATH, [{"verb": "create", "resource": "configmaps"}])[0] == 200
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_config_map(namespace, config_map())
    assert (refused.value.status, json.loads(refused.value.body)["details"]) == (403, {"kind": "configmaps"})
    assert call(cluster, "PUT", PERMISSIONS_PATH, [])[0] == 200
    core.create_namespaced_config_map(namespace, config_map())


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/metrics", 501),
        ("GET", "/apis/example.com/v1/things", 404),
        ("GET", "/api/v1/namespaces/default/nothings", 404),
        ("POST", "/api/v1/namespaces/default/configmaps/a", 405),
        ("GET", "/api/v1/namespaces/default/configmaps?limit=x", 400),
        ("GET", "/api/v1/namespaces/default/configmaps?labelSelector=a%20b", 400),
        ("GET", "/api/v1/namespaces/default/configmaps?resourceVersion=99999999&watch=1", 504),
    ],
)
def test_request_that_fits_nothing_is_a_status(cluster: Running, method: str, path: str, code: int) -> None:
    status, _, body = call(cluster, method, path)
    document = json.loads(body)
    assert (status, document["kind"], document["code"]) == (code, "Status", code)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
def test_health_is_ok(cluster: Running, path: str) -> None:
    assert call(cluster, "GET", path)[2] == b"ok"


def test_logs_come_from_who_runs_the_pod(cluster: Running, api: kube.ApiClient, namespace: str) -> None:
    core, spec = kube.CoreV1Api(api), {"containers": [{"name": "c", "image": "registry/c:1"}]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "p"}, "spec": spec})
    with pytest.raises(ApiException) as refused:
        core.read_namespaced_pod_log("p", namespace)
    assert refused.value.status == 501

    async def logs(request: web.Request, pod: dict[str, object]) -> web.Response:
        return web.Response(text=f"{request.query['tailLines']} lines of {pod['metadata']['name']}")  # type: ignore[index]

    cluster.cluster.handlers.logs = logs
    try:
        answer = core.read_namespaced_pod_log("p", namespace, tail_lines=3, _preload_content=False)
        assert answer.data == b"3 lines of p"
    finally:
        cluster.cluster.handlers.logs = None
