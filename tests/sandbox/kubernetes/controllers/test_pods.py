"""Pods on the node: what becomes of their processes is in their status, their events and their logs."""

import psutil
import pytest

from tests.sandbox.kubernetes.controllers.documents import deployment, script, service
from tests.sandbox.kubernetes.controllers.test_rollouts import address, get
from tests.sandbox.kubernetes.running import Kubectl

pytestmark = pytest.mark.sandbox
SLEEP = "import time; print('up', flush=True); time.sleep(600)"


def waits(kubectl: Kubectl, path: str, value: str, name: str = "once") -> dict[str, object]:
    kubectl("wait", f"--for=jsonpath={{{path}}}={value}", f"pod/{name}", "--timeout=60s")
    return kubectl.json("get", "pod", name)  # type: ignore[no-any-return]


def process(pod: dict[str, object]) -> psutil.Process:
    identifier = pod["status"]["containerStatuses"][0]["containerID"]  # type: ignore[index]
    return psutil.Process(int(identifier.removeprefix("sandbox://").partition("-")[0]))


REASON = ".status.containerStatuses[0].state.waiting.reason"


def test_pod_that_crashes_backs_off_and_tells_why(kubectl: Kubectl) -> None:
    text = "import sys; print('no model here'); sys.exit(3)"
    kubectl("create", "-f", "-", stdin=script(text, terminationMessagePolicy="FallbackToLogsOnError"))
    pod = waits(kubectl, REASON, "CrashLoopBackOff")
    status = pod["status"]["containerStatuses"][0]  # type: ignore[index]
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (3, "Error", "no model here\n")
    assert status["restartCount"] >= 1
    assert kubectl("logs", "once") == "no model here\n"
    assert kubectl("logs", "once", "--previous") == "no model here\n"
    described = kubectl("describe", "pod", "once")
    for words in ("Scheduled", "Successfully assigned", "Pulled", "Started", "Back-off restarting failed container"):
        assert words in described
    assert "BackOff" in kubectl("get", "events")


def test_pod_without_its_image_waits_for_it(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=script("", image="registry/none:1"))
    pod = waits(kubectl, REASON, "ImagePullBackOff")
    waiting = pod["status"]["containerStatuses"][0]["state"]["waiting"]  # type: ignore[index]
    assert 'Back-off pulling image "registry/none:1"' in waiting["message"]
    assert "Error: ErrImagePull" in kubectl("describe", "pod", "once")


def test_pod_over_its_memory_limit_is_killed(kubectl: Kubectl) -> None:
    text = "import time; held = bytearray(200 << 20); time.sleep(600)"
    pod = script(text, policy="Never", resources={"limits": {"memory": "100Mi"}})
    kubectl("create", "-f", "-", stdin=pod)
    found = waits(kubectl, ".status.phase", "Failed")
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]  # type: ignore[index]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_pod_that_no_node_can_hold_is_unschedulable(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=script(SLEEP, resources={"requests": {"cpu": "1000"}}))
    kubectl("wait", "--for=condition=PodScheduled=false", "pod/once", "--timeout=30s")
    pod = kubectl.json("get", "pod", "once")
    condition = next(each for each in pod["status"]["conditions"] if each["type"] == "PodScheduled")
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient cpu.")
    assert "FailedScheduling" in kubectl("describe", "pod", "once")
    kubectl("delete", "pod", "once")


def test_pod_without_its_secret_is_not_made(kubectl: Kubectl) -> None:
    source = [{"secretRef": {"name": "keys"}}]
    kubectl("create", "-f", "-", stdin=script("import os; print(os.environ['WORD'])", policy="Never", envFrom=source))
    pod = waits(kubectl, REASON, "CreateContainerConfigError")
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"] == 'secret "keys" not found'  # type: ignore[index]
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"WORD": "opened"}}
    kubectl("apply", "-f", "-", stdin=secret)
    waits(kubectl, ".status.phase", "Succeeded")
    assert kubectl("logs", "once") == "opened\n"


def test_killed_process_is_started_again_and_serves(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=service())
    kubectl("apply", "-f", "-", stdin=deployment())
    kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    (pod,) = kubectl.json("get", "pods")["items"]
    process(pod).kill()
    name = pod["metadata"]["name"]
    waits(kubectl, ".status.containerStatuses[0].restartCount", "1", name)
    kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    assert get(address(kubectl)).split()[0] == name
    last = kubectl.json("get", "pod", name)["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")


def test_failed_liveness_restarts_the_container(kubectl: Kubectl) -> None:
    probe = {"httpGet": {"path": "/broken", "port": "http"}, "periodSeconds": 1, "failureThreshold": 2}
    kubectl("apply", "-f", "-", stdin=deployment(livenessProbe=probe))
    name = pod_of(kubectl)
    waits(kubectl, ".status.containerStatuses[0].lastState.terminated.reason", "Completed", name)
    described = kubectl("describe", "pod", name)
    assert "Liveness probe failed: HTTP probe failed with statuscode: 500" in described
    assert "Container server failed liveness probe, will be restarted" in described


def test_pod_is_terminated_before_it_is_gone(kubectl: Kubectl) -> None:
    ignoring = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    text = ignoring + "print(1, flush=True)\ntime.sleep(600)"
    kubectl("create", "-f", "-", stdin=script(text))
    pod = waits(kubectl, ".status.phase", "Running")
    running = process(pod)
    kubectl("delete", "pod", "once", "--grace-period=1")
    assert not running.is_running() or running.status() == psutil.STATUS_ZOMBIE
    assert "Stopping container main" in kubectl("get", "events")


def test_forced_deletion_kills_the_process(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=script(SLEEP))
    running = process(waits(kubectl, ".status.phase", "Running"))
    kubectl("delete", "pod", "once", "--grace-period=0", "--force")
    psutil.wait_procs([running], timeout=30)
    assert not running.is_running()


def test_followed_log_ends_with_the_container(kubectl: Kubectl) -> None:
    text = "import time\nfor line in range(5): print(line, flush=True); time.sleep(0.1)"
    kubectl("create", "-f", "-", stdin=script(text, policy="Never"))
    kubectl("wait", "--for=jsonpath={.status.containerStatuses[0].containerID}", "pod/once", "--timeout=60s")
    assert kubectl("logs", "once", "--follow", "--tail=100") == "0\n1\n2\n3\n4\n"
    assert kubectl("logs", "once", "--tail=2") == "3\n4\n"


def pod_of(kubectl: Kubectl) -> str:
    kubectl("wait", "--for=jsonpath={.status.replicas}=1", "deployment/web", "--timeout=30s")
    return str(kubectl.json("get", "pods")["items"][0]["metadata"]["name"])
