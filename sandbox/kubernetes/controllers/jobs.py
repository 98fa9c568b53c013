"""Job -> Pods until enough of them succeeded, or more failed than its back-off limit.

Without indexes, pod failure policies and success policies. https://kubernetes.io/docs/concepts/workloads/controllers/job
"""

import copy

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import JOB, POD
from intermodal.sandbox.kubernetes.store import Document
from intermodal.sandbox.kubernetes.writes import Options

LABELS = ("batch.kubernetes.io/job-name", "job-name")
CHECK_SECONDS = 1.0


class Jobs:
    def __init__(self, objects: Objects) -> None:
        self._objects, self._events = objects, Recorder(objects, "job-controller")

    def sync(self) -> float | None:
        deadlines = [self._sync(found) for found in self._objects.list(JOB) if not parts.leaving(found)]
        return CHECK_SECONDS if any(deadlines) else None

    def _sync(self, job: Document) -> bool:
        """Whether it has a deadline that may end it without a change."""
        spec = job["spec"]
        if parts.condition(job, "Complete") or parts.condition(job, "Failed") or spec.get("suspend"):
            return False
        pods = parts.owned(self._objects, POD, job)
        succeeded = sum(pod["status"].get("phase") == "Succeeded" for pod in pods)
        failed = sum(pod["status"].get("phase") == "Failed" for pod in pods)
        active = [pod for pod in pods if not parts.is_over(pod) and not parts.leaving(pod)]
        began = job["status"].get("startTime") or identity.now()
        restarts = sum(each.get("restartCount", 0) for pod in active
                       for each in pod["status"].get("containerStatuses") or ())  # fmt: skip
        limit, deadline = spec["backoffLimit"], spec.get("activeDeadlineSeconds")
        wanted = spec.get("completions")
        end: tuple[str, str, str] | None = None
        if failed + restarts > limit:
            end = ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
        elif deadline and parts.seconds_since(began) > deadline:
            end = ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
        elif succeeded >= (wanted or 1) and (wanted is not None or not active):
            end = ("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
        if end is not None:
            for pod in active:
                self._objects.delete(POD, *parts.key_of(pod))
            active = []
        else:
            most = spec["parallelism"] if wanted is None else min(spec["parallelism"], wanted - succeeded)
            missing = 0 if wanted is None and succeeded else most - len(active)
            active += [self._create(job) for _ in range(missing)]
        counts = parts.nonzero(active=len(active), succeeded=succeeded, failed=failed, ready=sum(
            map(parts.is_ready, active)))  # fmt: skip
        status: Document = {"startTime": began, "uncountedTerminatedPods": {}} | counts
        if end is not None:
            status |= self._ended(job, *end)
        parts.write_status(self._objects, JOB, job, status)
        return bool(deadline) and end is None

    def _ended(self, job: Document, kind: str, reason: str, message: str) -> Document:
        if kind == "Complete":
            self._events.normal(job, "Completed", "Job completed")
        else:
            self._events.warning(job, reason, message)
        conditions: list[Document] = []
        for each in ("SuccessCriteriaMet" if kind == "Complete" else "FailureTarget", kind):
            now = identity.now()
            conditions = parts.with_condition(conditions, each, "True", reason, message, lastProbeTime=now)
        done = {"completionTime": identity.now()} if kind == "Complete" else {}
        return {"conditions": conditions} | done

    def _create(self, job: Document) -> Document:
        template, metadata = copy.deepcopy(job["spec"]["template"]), job["metadata"]
        labels = (template["metadata"].get("labels") or {}) | dict.fromkeys(LABELS, metadata["name"])
        about = {
            "generateName": f"{metadata['name']}-", "namespace": metadata["namespace"], "labels": labels,
            "ownerReferences": [parts.owner_reference(JOB, job)],
        }  # fmt: skip
        pod = self._objects.create(POD, {"metadata": about, "spec": template["spec"]}, options=Options(parts.MANAGER))
        self._events.normal(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return pod
