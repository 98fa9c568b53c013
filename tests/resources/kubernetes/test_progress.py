"""Decisions of a rollout over status documents."""

from datetime import UTC, datetime
from typing import Any

import pytest

from intermodal.resources.kubernetes import progress
from tests.resources.kubernetes.documents import WHEN, deployment, pod, replica_set

SOON = datetime(2026, 12, 1, 10, 0, 30, tzinfo=UTC)
LATE = datetime(2026, 12, 1, 10, 5, 0, tzinfo=UTC)
PULL = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x": not found'}
BLOCKED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory.",
    "lastTransitionTime": WHEN,
}
QUOTA = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": 'pods "x" is forbidden: exceeded quota: compute, requested: limits.memory=1Gi',
}
DEADLINE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "message": 'ReplicaSet "x" has timed out progressing.',
}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (deployment(), True),
        (deployment(generation=2, observed=1), False),
        (deployment(updated=1, total=2), False),
        (deployment(updated=2, total=3), False),
        (deployment(available=1), False),
        (deployment(replicas=1, updated=1, available=1), False),
    ],
    ids=["all", "not observed", "old left", "surge left", "not available", "not scaled"],
)
def test_complete(document: dict[str, Any], expected: bool) -> None:
    assert progress.is_complete(document, 2) is expected


def test_complete_without_a_status_is_false() -> None:
    fresh = deployment()
    del fresh["status"]
    assert not progress.is_complete(fresh)
    assert progress.failure(fresh, [], SOON) is None
    assert "not seen" in progress.seen(fresh, [])


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod(waiting=PULL), "ImagePullBackOff: Back-off pulling"),
        (pod(waiting={"reason": "InvalidImageName"}), "InvalidImageName"),
        (
            pod(
                waiting={"reason": "CrashLoopBackOff"},
                ended={"exitCode": 1, "reason": "Error", "message": "no model\n"},
                restarts=2,
            ),
            r"CrashLoopBackOff: exit code 1 \(Error\): no model",
        ),
        (pod(waiting={"reason": "CrashLoopBackOff"}, ended={"signal": 11, "exitCode": 139}, restarts=2), "signal 11"),
        (pod(ended={"exitCode": 137, "reason": "OOMKilled"}, restarts=1), "OOMKilled.*more memory"),
        (pod(phase="Failed", reason="Evicted", message="low on ephemeral-storage"), "Evicted: low on"),
    ],
)
def test_failure_has_the_pods_reason(found: dict[str, Any], words: str) -> None:
    failure = progress.failure(deployment(available=0), [found], SOON)
    assert failure is not None
    assert failure.pod == "pod-a"
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(failure.reason)


@pytest.mark.parametrize(
    "found",
    [
        pod(),
        pod(waiting={"reason": "ContainerCreating"}),
        pod(waiting={"reason": "ErrImagePull", "message": "429"}),
        pod(waiting={"reason": "CrashLoopBackOff"}, ended={"exitCode": 1}, restarts=1),
    ],
    ids=["running", "creating", "first pull", "first crash"],
)
def test_failure_of_what_may_pass_is_none(found: dict[str, Any]) -> None:
    assert progress.failure(deployment(available=0), [found], LATE) is None


def test_failure_unschedulable_waits_for_the_clusters_autoscaler() -> None:
    found = pod(conditions=[BLOCKED])
    assert progress.failure(deployment(available=0), [found], SOON) is None
    assert "Insufficient memory" in progress.seen(deployment(available=0), [found])
    failure = progress.failure(deployment(available=0), [found], LATE)
    assert failure is not None
    assert failure.reason == "Unschedulable: 0/3 nodes are available: 3 Insufficient memory."


def test_failure_of_a_pod_that_leaves_does_not_count() -> None:
    leaving = pod(waiting=PULL)
    leaving["metadata"]["deletionTimestamp"] = WHEN
    assert progress.failure(deployment(), [leaving], SOON) is None
    assert progress.pending([leaving]) == ""


def test_failure_of_an_earlier_generation_does_not_count() -> None:
    assert progress.failure(deployment(generation=2, observed=1, conditions=[DEADLINE]), [], SOON) is None


@pytest.mark.parametrize(
    ("condition", "pods", "words"),
    [
        (QUOTA, [], "exceeded quota: compute"),
        (DEADLINE, [], "ProgressDeadlineExceeded: ReplicaSet"),
        (DEADLINE, [pod(waiting={"reason": "ErrImagePull", "message": "denied"})], "ErrImagePull: denied"),
        (DEADLINE, [pod(conditions=[BLOCKED])], "Unschedulable: 0/3"),
    ],
)
def test_failure_of_the_deployment(condition: dict[str, str], pods: list[dict[str, Any]], words: str) -> None:
    failure = progress.failure(deployment(available=0, conditions=[condition]), pods, SOON)
    assert failure is not None
    assert words in failure.reason


def test_newest_is_the_replica_set_of_the_deployments_revision() -> None:
    sets = [replica_set(1), replica_set(2), replica_set(3, owner="d-2")]
    mine = progress.owned(sets, deployment(revision=2))
    assert [progress.revision(each) for each in mine] == [1, 2]
    assert progress.newest(deployment(revision=2), mine) == sets[1]
    assert progress.newest(deployment(generation=2, observed=1, revision=2), mine) is None


def test_serving_before_is_the_newest_that_is_available() -> None:
    sets = [replica_set(1), replica_set(2), replica_set(3, available=0), replica_set(4, available=0)]
    assert progress.serving_before(deployment(revision=4), sets) == sets[1]
    assert progress.serving_before(deployment(revision=1), sets[:1]) is None


def test_template_of_a_replica_set_has_no_hash() -> None:
    found = replica_set(1)
    template = progress.template_of(found)
    assert template == {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "server"}]}}
    assert "pod-template-hash" in found["spec"]["template"]["metadata"]["labels"]
