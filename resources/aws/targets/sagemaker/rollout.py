"""One deployment, taken a step at a time from whatever is there to what is wanted."""

from __future__ import annotations

from typing import Any

from intermodal.platform.errors import DeployFailed, NotFound
from intermodal.resources.aws import tags
from intermodal.resources.aws.errors import Busy, Rejected
from intermodal.resources.aws.targets.sagemaker.api import Record, SageMaker
from intermodal.resources.aws.targets.sagemaker.plan import Plan, state_of

MAX_TRIES = 2
"""Two deploys of one name that fail together can clean up under each other; the second try then says why."""


class Rollout:
    """``advance`` until it gives the endpoint. ``orders`` counts our calls that change it, ``seen`` that ours was under
    way."""

    def __init__(self, sagemaker: SageMaker, plan: Plan) -> None:
        self.sagemaker, self.plan = sagemaker, plan
        self.orders, self.seen = 0, False

    def advance(self) -> tuple[Record, dict[str, str]] | None:
        """The endpoint's record and tags once it serves as planned, else None: look again soon. Raises DeployFailed."""
        try:
            return self._advance()
        except NotFound:  # deleted between two looks
            return None

    def _advance(self) -> tuple[Record, dict[str, str]] | None:
        record = self.sagemaker.find(self.plan.name)
        if record is None:
            self._order(self.sagemaker.create)
            return None
        match state_of(record):
            case "creating":
                coming = record.get("PendingDeploymentSummary", record).get("EndpointConfigName")
                self.seen |= coming == self.plan.revision
            case "failed" if self.orders or self.seen:
                raise self._failed(record)
            case "failed":  # an earlier deployment's: it can only be deleted
                self.sagemaker.remove(self.plan.name)
            case "ready" if record.get("EndpointConfigName") == self.plan.revision:
                return record, self._settle(record)
            case "ready" if self.orders or self.seen:
                raise self._rolled_back(record)
            case "ready":
                self.sagemaker.require_ours(record)
                self._order(self.sagemaker.update)
        return None

    def _order(self, what: Any) -> None:
        if self.orders == MAX_TRIES:
            raise DeployFailed(
                f"SageMaker endpoint '{self.plan.name}' was deleted while it was deployed.",
                hint="See in CloudTrail who deletes it, then deploy again.",
            )
        try:
            self.sagemaker.prepare(self.plan)
            what(self.plan)
            self.orders += 1
        except (Busy, NotFound):
            return  # another deploy was first, or tidied up our configuration: look again
        except Rejected as error:
            self._forget()
            raise DeployFailed(error.message, hint=error.hint) from error

    def _settle(self, record: Record) -> dict[str, str]:
        """In service: put the tags right and remove what earlier deployments left."""
        found, wanted = self.sagemaker.require_ours(record), self.plan.request.all_tags
        missing = {key: value for key, value in wanted.items() if found.get(key) != value}
        if missing:
            self.sagemaker.add_tags(record["EndpointArn"], tags.to_aws(missing))
        self.sagemaker.discard(self.plan.name, keep=self.plan.revision)
        return found | wanted

    def _failed(self, record: Record) -> DeployFailed:
        reason = record.get("FailureReason", "SageMaker gives no reason.")
        self.sagemaker.remove(self.plan.name)
        self._forget()
        return DeployFailed(
            f"SageMaker endpoint '{self.plan.name}' failed: {reason}",
            hint="Correct what the reason names, then deploy again. The failed endpoint is deleted; nothing is billed.",
        )

    def _rolled_back(self, record: Record) -> DeployFailed:
        reason = record.get("FailureReason", "another deployment was quicker, and its configuration serves now.")
        self._forget(record.get("EndpointConfigName", ""))
        return DeployFailed(
            f"SageMaker endpoint '{self.plan.name}' was not updated: {reason}",
            hint="What served before still serves. Correct what the reason names, then deploy again.",
        )

    def _forget(self, keep: str = "") -> None:
        """Remove our model and configuration, unless something of this name serves with another one."""
        record = self.sagemaker.find(self.plan.name) if not keep else None
        self.sagemaker.discard(self.plan.name, keep or (record or {}).get("EndpointConfigName", ""))
