"""The calls of SageMaker's control plane that the adapter makes, with Intermodal's errors."""

from __future__ import annotations

from typing import Any

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import ownership
from intermodal.resources.aws import tags
from intermodal.resources.aws.errors import Busy, translated
from intermodal.resources.aws.targets.sagemaker.plan import Plan, revision_of, state_of

Record = dict[str, Any]
KIND = "SageMaker endpoint"


class SageMaker:
    """Wraps boto3's client; each call raises Refused, Throttled, Unavailable, NotFound, Busy or Rejected."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def find(self, name: str) -> Record | None:
        try:
            with translated(f"describe SageMaker endpoint '{name}'"):
                found: Record = self.client.describe_endpoint(EndpointName=name)
                return found
        except NotFound:
            return None

    def describe(self, name: str) -> tuple[Record, dict[str, str]] | None:
        """Record and tags of an endpoint that Intermodal made under this name; None when it is gone or another's."""
        record = self.find(name)
        try:
            found = self.tags(record["EndpointArn"]) if record else {}
        except NotFound:
            return None
        return (record, found) if record and ownership.is_named_so(name, found) else None

    def names(self, containing: str = "") -> list[str]:
        """All endpoints of the region: SageMaker lists by parts of a name, not by tags."""
        part = {"NameContains": containing} if containing else {}
        with translated("list SageMaker endpoints"):
            pages = self.client.get_paginator("list_endpoints").paginate(**part, PaginationConfig={"PageSize": 100})
            return [summary["EndpointName"] for page in pages for summary in page["Endpoints"]]

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource, also of a foreign one. NotFound when it is gone."""
        with translated(f"list the tags of {arn}"):
            pages = self.client.get_paginator("list_tags").paginate(ResourceArn=arn)
            return tags.from_aws(tag for page in pages for tag in page["Tags"])

    def require_requested(self, record: Record, plan: Plan) -> dict[str, str]:
        """The endpoint's tags. Refused when they are not those of the plan's model, version and environment."""
        found = self.tags(record["EndpointArn"])
        ownership.require_requested(plan.request, found, KIND)
        return found

    def add_tags(self, arn: str, added: list[dict[str, str]]) -> None:
        with translated(f"tag {arn}"):
            self.client.add_tags(ResourceArn=arn, Tags=added)

    def prepare(self, plan: Plan) -> None:
        """Create model and configuration. Those that exist are kept: equal names have equal contents."""
        model = {"ModelName": plan.revision, "PrimaryContainer": plan.container, "ExecutionRoleArn": plan.role_arn}
        config = {"EndpointConfigName": plan.revision, "ProductionVariants": [plan.variant]}
        for create, members in ((self.client.create_model, model), (self.client.create_endpoint_config, config)):
            try:
                with translated(f"prepare SageMaker endpoint '{plan.name}'"):
                    create(**members, Tags=plan.tags)
            except Busy:
                continue

    def create(self, plan: Plan) -> None:
        with translated(f"create SageMaker endpoint '{plan.name}'"):
            self.client.create_endpoint(EndpointName=plan.name, EndpointConfigName=plan.revision, Tags=plan.tags)

    def update(self, plan: Plan) -> None:
        with translated(f"update SageMaker endpoint '{plan.name}'"):
            self.client.update_endpoint(EndpointName=plan.name, EndpointConfigName=plan.revision)

    def scale(self, plan: Plan) -> None:
        with translated(f"scale SageMaker endpoint '{plan.name}'"):
            self.client.update_endpoint_weights_and_capacities(
                EndpointName=plan.name, DesiredWeightsAndCapacities=[plan.capacity]
            )

    def remove(self, name: str) -> bool:
        """Whether the endpoint is still there. Deletes it, unless it is being created or deleted."""
        record = self.find(name)
        if record is None:
            return False
        if state_of(record) not in ("creating", "deleting"):
            try:
                ownership.require_own_name(name, self.tags(record["EndpointArn"]), KIND)
                with translated(f"delete SageMaker endpoint '{name}'"):
                    self.client.delete_endpoint(EndpointName=name)
            except (Busy, NotFound):
                return True  # another call was first
        return True

    def discard(self, name: str, keep: str = "") -> None:
        """Delete the configurations and models of the endpoint, except the one named ``keep``."""
        kinds = (
            ("EndpointConfig", "list_endpoint_configs", self.client.delete_endpoint_config),
            ("Model", "list_models", self.client.delete_model),
        )
        for kind, listing, delete in kinds:
            with translated(f"list what belongs to SageMaker endpoint '{name}'"):
                pages = self.client.get_paginator(listing).paginate(NameContains=f"{name}-")
                found = [record for page in pages for record in page[f"{kind}s"]]
            for record in found:
                revision = record[f"{kind}Name"]
                if revision == keep or not revision_of(name, revision):
                    continue
                try:
                    if ownership.is_named_so(name, self.tags(record[f"{kind}Arn"])):
                        with translated(f"delete '{revision}'"):
                            delete(**{f"{kind}Name": revision})
                except NotFound:
                    continue
