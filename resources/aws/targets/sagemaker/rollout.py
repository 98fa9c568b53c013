"""One deployment in steps, each from what there is towards what is requested."""

from __future__ import annotations

from collections.abc import Callable

from intermodal.platform.errors import DeployFailed, NotFound, Throttled, Unavailable
from intermodal.resources.aws import tags
from intermodal.resources.aws.errors import Busy, Rejected
from intermodal.resources.aws.targets.sagemaker.api import Record, SageMaker
from intermodal.resources.aws.targets.sagemaker.plan import Plan, state_of

MAX_CHANGES = 2
"""Calls of one deploy that create or update its endpoint. Two deploys of one name that fail together can delete each
other's endpoint; the second call then gives the reason."""
MAX_FAILURES = 5
"""Steps in a row that may fail before a deploy gives up: a short failure must not end a deployment of minutes."""


class Rollout:
    """Call ``advance`` until it returns the endpoint.

    ``changes`` counts our calls that change the endpoint; ``seen`` is whether our revision was seen under way;
    ``checked`` is whether the tags of the endpoint that exists are the request's; ``status`` is SageMaker's own word
    for the endpoint's state.
    """

    def __init__(self, sagemaker: SageMaker, plan: Plan) -> None:
        self.sagemaker, self.plan = sagemaker, plan
        self.changes, self.failures = 0, 0
        self.seen, self.checked, self.scaled = False, False, False
        self.status = "Creating"

    def advance(self) -> tuple[Record, dict[str, str]] | None:
        """The endpoint's record and tags once it serves as planned, else None: call again soon. Raises DeployFailed;
        Throttled and Unavailable after MAX_FAILURES in a row."""
        try:
            found = self._advance()
        except NotFound:  # deleted between two calls
            found = None
        except (Throttled, Unavailable):
            self.failures += 1
            if self.failures == MAX_FAILURES:
                raise
            return None
        self.failures = 0
        return found

    def _advance(self) -> tuple[Record, dict[str, str]] | None:
        record = self.sagemaker.find(self.plan.name)
        if record is None:
            self.checked = False
            self._change(self.sagemaker.create)
            return None
        if not self.checked:
            self.sagemaker.require_requested(record, self.plan)
            self.checked = True
        self.status = record["EndpointStatus"]
        match state_of(record):
            case "creating":
                pending = record.get("PendingDeploymentSummary", record).get("EndpointConfigName")
                self.seen |= pending == self.plan.revision
            case "failed" if self.changes or self.seen:
                raise self._failed(record)
            case "failed":  # an earlier deployment's: it can only be deleted
                self.sagemaker.remove(self.plan.name)
            case "ready" if record.get("EndpointConfigName") == self.plan.revision:
                if self.plan.has_capacity(record):
                    return record, self._finish(record)
                self._scale(record)
            case "ready" if self.changes or self.seen:
                raise self._rolled_back(record)
            case "ready":
                self._change(self.sagemaker.update)
        return None

    def _change(self, call: Callable[[Plan], None]) -> None:
        if self.changes == MAX_CHANGES:
            raise DeployFailed(
                f"SageMaker endpoint '{self.plan.name}' was deleted while it was deployed.",
                hint="Find in CloudTrail what deletes it, then deploy again.",
            )
        try:
            self.sagemaker.prepare(self.plan)
            call(self.plan)
            self.changes += 1
        except (Busy, NotFound):
            return  # another deploy was first, or removed our configuration
        except Rejected as error:
            self._discard()
            raise DeployFailed(error.message, hint=error.hint) from error

    def _scale(self, record: Record) -> None:
        """The configuration is ours, and the number of instances is not: a person or a policy scaled it."""
        if self.scaled:
            raise DeployFailed(
                f"SageMaker endpoint '{self.plan.name}' does not run {self.plan.request.replicas} instances: "
                f"{record.get('FailureReason', 'something else scales it.')}",
                hint="It serves with the old number. Raise the quota, or remove the scaling policy, and deploy again.",
            )
        before = self.changes
        self._change(self.sagemaker.scale)
        self.scaled = self.changes > before

    def _finish(self, record: Record) -> dict[str, str]:
        """Correct the tags, restore a model or configuration that was deleted, and remove what earlier deployments
        left. The endpoint is in service."""
        found, desired = self.sagemaker.require_requested(record, self.plan), self.plan.request.all_tags
        self.sagemaker.prepare(self.plan)
        missing = {key: value for key, value in desired.items() if found.get(key) != value}
        if missing:
            self.sagemaker.add_tags(record["EndpointArn"], tags.to_aws(missing))
        self.sagemaker.discard(self.plan.name, keep=self.plan.revision)
        return found | desired

    def _failed(self, record: Record) -> DeployFailed:
        reason = record.get("FailureReason", "SageMaker gives no reason.")
        self.sagemaker.remove(self.plan.name)
        self._discard()
        return DeployFailed(
            f"SageMaker endpoint '{self.plan.name}' failed: {reason}",
            hint="Correct what the reason names, then deploy again. The failed endpoint is deleted; nothing is billed.",
        )

    def _rolled_back(self, record: Record) -> DeployFailed:
        reason = record.get("FailureReason", "another deployment was first, and its configuration serves now.")
        self._discard(record.get("EndpointConfigName", ""))
        return DeployFailed(
            f"SageMaker endpoint '{self.plan.name}' was not updated: {reason}",
            hint="What served before still serves. Correct what the reason names, then deploy again.",
        )

    def _discard(self, keep: str = "") -> None:
        """Remove our model and configuration, but keep those with which an endpoint of this name serves."""
        record = self.sagemaker.find(self.plan.name) if not keep else None
        self.sagemaker.discard(self.plan.name, keep or (record or {}).get("EndpointConfigName", ""))
