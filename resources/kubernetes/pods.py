"""Why a pod does not serve, in its own words. Decisions over documents, without I/O.

States and reasons: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from intermodal.resources.kubernetes.manifests.options import Json

FINAL_WAITING = frozenset(
    {
        "ImagePullBackOff",
        "InvalidImageName",
        "ImageInspectError",
        "ErrImageNeverPull",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)
"""Reasons of a waiting container that end a deployment. ``ErrImagePull`` alone does not: the kubelet tries again, and
``ImagePullBackOff`` is its next word if that fails too."""
CRASHES = 2
"""Ends of a container that are a failure: the first may be an object store that did not answer for a moment."""
UNSCHEDULABLE_SECONDS = 300
"""A cluster's autoscaler adds a node in less."""


@dataclass(frozen=True)
class PodFailure:
    """``crashed`` is whether the log of the container's previous run says more."""

    pod: str
    reason: str
    crashed: bool = False


def pod_failure(pod: Json, now: datetime) -> PodFailure | None:
    """Why this pod cannot become ready; None while it still may."""
    name = str(pod["metadata"]["name"])
    for container in _containers(pod):
        if found := _container_failure(name, container):
            return found
    if pod.get("status", {}).get("phase") == "Failed":
        status = pod["status"]
        return PodFailure(name, _join(str(status.get("reason", "Failed")), status.get("message", "")))
    blocked = condition(pod, "PodScheduled")
    is_blocked = blocked.get("status") == "False" and blocked.get("reason") == "Unschedulable"
    if is_blocked and (now - _time(blocked["lastTransitionTime"])).total_seconds() >= UNSCHEDULABLE_SECONDS:
        return PodFailure(name, _join("Unschedulable", blocked.get("message", "")))
    return None


def first_failure(pods: Sequence[Json], now: datetime) -> PodFailure | None:
    """That of the first pod, by name, that has one. Pods that are being deleted do not count."""
    living = sorted((pod for pod in pods if not is_leaving(pod)), key=lambda pod: str(pod["metadata"]["name"]))
    return next((found for pod in living if (found := pod_failure(pod, now))), None)


def pending(pods: Sequence[Json]) -> str:
    """What the pods wait for now; empty when they say nothing."""
    for pod in pods:
        if is_leaving(pod):
            continue
        for container in _containers(pod):
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return _join(str(waiting["reason"]), waiting.get("message", ""))
        blocked = condition(pod, "PodScheduled")
        if blocked.get("status") == "False":
            return _join(str(blocked.get("reason", "not scheduled")), blocked.get("message", ""))
    return ""


def is_leaving(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def condition(document: Json, kind: str) -> Mapping[str, Any]:
    """A condition of an object's status; empty when it has none of this kind."""
    found: Sequence[Mapping[str, Any]] = document.get("status", {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == kind), {})


def _containers(pod: Json) -> Iterator[Json]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _container_failure(pod: str, container: Json) -> PodFailure | None:
    state = container.get("state", {})
    waiting = state.get("waiting", {})
    reason = waiting.get("reason", "")
    if reason in FINAL_WAITING:
        return PodFailure(pod, _join(reason, waiting.get("message", "")))
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated") or {}
    if ended.get("reason") == "OOMKilled":
        return PodFailure(pod, "OOMKilled: the server needs more memory than its limit.", crashed=True)
    if reason == "CrashLoopBackOff" and container.get("restartCount", 0) >= CRASHES:
        return PodFailure(pod, _join("CrashLoopBackOff", _exit(ended)), crashed=True)
    return None


def _exit(ended: Json) -> str:
    """How the last run ended. The message is the end of its log, by ``terminationMessagePolicy``."""
    if not ended:
        return ""
    how = f"signal {ended['signal']}" if ended.get("signal") else f"exit code {ended.get('exitCode')}"
    return _join(f"{how} ({ended.get('reason', 'no reason')})", str(ended.get("message", "")).strip())


def _join(reason: str, message: str) -> str:
    return f"{reason}: {message}" if message else reason


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
