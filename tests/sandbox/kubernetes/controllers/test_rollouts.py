"""Deployments by kubectl, from the apply to the answer through the load balancer's address."""

import urllib.request

import pytest

from tests.sandbox.kubernetes.controllers.documents import deployment, service
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
    said = kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    assert 'deployment "web" successfully rolled out' in said
    url = address(kubectl)
    pods = kubectl("get", "pods", "-o", "name").split()
    assert {f"pod/{get(url).split()[0]}" for _ in range(4)} == set(pods)
