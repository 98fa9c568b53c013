"""What goes on while a part of the cluster is out, and what a server that starts again takes up."""

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from intermodal.sandbox.azure import pem
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.server import OUTAGES_PATH, Settings
from intermodal.sandbox.settings import free_port
from tests.sandbox.kubernetes.controllers.documents import deployment, service
from tests.sandbox.kubernetes.controllers.test_pods import process
from tests.sandbox.kubernetes.controllers.test_rollouts import address, get
from tests.sandbox.kubernetes.running import Kubectl, Running, running

pytestmark = pytest.mark.sandbox


def outages(node: Running, **parts: bool) -> None:
    trust = ssl.create_default_context(cafile=node.cluster.settings.home / pem.CA)
    url, body = node.cluster.address + OUTAGES_PATH, json.dumps(parts).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, method="PUT"), context=trust, timeout=30).close()


def serving(kubectl: Kubectl) -> str:
    kubectl("apply", "-f", "-", stdin=service())
    kubectl("apply", "-f", "-", stdin=deployment())
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    return address(kubectl)


def test_pods_serve_while_the_api_is_out(kubectl: Kubectl, node: Running) -> None:
    url = serving(kubectl)
    name = get(url)
    outages(node, api=True)
    try:
        assert get(url) == name
        kubectl.refused("get", "pods", "--request-timeout=3s")
    finally:
        outages(node)
    assert name.split()[0] in kubectl("get", "pods")


def test_api_answers_while_the_nodes_are_out(kubectl: Kubectl, node: Running) -> None:
    url = serving(kubectl)
    outages(node, nodes=True)
    try:
        with pytest.raises(urllib.error.URLError, match="refused"):
            get(url)
        assert "NotReady" in status_of_node(kubectl)
        assert kubectl.json("get", "deployment", "web")["status"]["unavailableReplicas"] == 1
    finally:
        outages(node)
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
    (pod,) = kubectl.json("get", "pods")["items"]
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1
    assert get(url).split()[0] == pod["metadata"]["name"]


def test_server_that_starts_again_takes_up_what_exists(tmp_path: Path) -> None:
    settings = Settings("again", tmp_path / "home", free_port(), "a-token", run=Options(pace=0.1))
    with running(settings) as first:
        kubectl = Kubectl(first.kubeconfig, "default", tmp_path / "cache")
        url = serving(kubectl)
        (before,) = kubectl.json("get", "pods")["items"]
        running_process = process(before)
    psutil.wait_procs([running_process], timeout=30)
    assert not running_process.is_running()
    with running(settings):
        path = "jsonpath={.status.containerStatuses[0].restartCount}=1"
        kubectl("wait", f"--for={path}", f"pod/{before['metadata']['name']}", "--timeout=60s")
        kubectl("wait", "--for=condition=Ready", f"pod/{before['metadata']['name']}", "--timeout=60s")
        assert address(kubectl) == url
        assert get(url).split()[0] == before["metadata"]["name"]
        kubectl("apply", "-f", "-", stdin=deployment(release="2"))
        kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        assert get(url).split()[1] == "2"


def status_of_node(kubectl: Kubectl) -> str:
    (node,) = kubectl.json("get", "nodes")["items"]
    ready = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")
    return "NotReady" if ready["status"] != "True" else "Ready"
