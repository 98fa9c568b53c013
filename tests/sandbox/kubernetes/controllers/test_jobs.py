"""Jobs and autoscalers."""

from typing import Any

import pytest

from tests.sandbox.kubernetes.controllers.documents import deployment, script
from tests.sandbox.kubernetes.running import Kubectl

pytestmark = pytest.mark.sandbox


def job(text: str, **spec: Any) -> dict[str, Any]:
    template = {"spec": script(text, policy="Never")["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"template": template} | spec,
    }


def test_job_completes_as_often_as_it_wants(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=job("print('done')", completions=2, parallelism=2))
    kubectl("wait", "--for=condition=Complete", "job/work", "--timeout=60s")
    assert kubectl.json("get", "job", "work")["status"]["succeeded"] == 2
    assert kubectl("logs", "job/work").strip() == "done"
    assert "Job completed" in kubectl("describe", "job", "work")


def test_job_over_its_back_off_limit_fails(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=job("raise SystemExit(1)", backoffLimit=1))
    kubectl("wait", "--for=condition=Failed", "job/work", "--timeout=60s")
    status = kubectl.json("get", "job", "work")["status"]
    assert (status["failed"], status["conditions"][-1]["reason"]) == (2, "BackoffLimitExceeded")


def autoscaler(least: int, most: int) -> dict[str, Any]:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    return kind | {"metadata": {"name": "web"}, "spec": spec}


def test_autoscaler_keeps_replicas_within_its_bounds(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=deployment())
    kubectl("apply", "-f", "-", stdin=autoscaler(2, 3))
    kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "deployment/web", "--timeout=60s")
    kubectl("scale", "deployment/web", "--replicas=5")
    kubectl("wait", "--for=jsonpath={.spec.replicas}=3", "deployment/web", "--timeout=60s")
    assert "SuccessfulRescale" in kubectl("describe", "hpa", "web")


def test_autoscaler_adds_replicas_for_busy_processes(kubectl: Kubectl) -> None:
    busy = deployment(resources={"requests": {"cpu": "10m"}})
    command = busy["spec"]["template"]["spec"]["containers"][0]["command"]
    command[2] = (
        "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()\n" + command[2]
    )
    kubectl("apply", "-f", "-", stdin=busy)
    kubectl("apply", "-f", "-", stdin=autoscaler(1, 2))
    kubectl("wait", "--for=jsonpath={.spec.replicas}=2", "deployment/web", "--timeout=60s")
    kubectl("delete", "deployment,hpa", "web", "--now")
