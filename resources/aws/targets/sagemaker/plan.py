"""A deployment in SageMaker: a model and an endpoint configuration, both named by a hash of their content."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import DIGEST_TAG, MODEL_TAG, VERSION_TAG, DeployRequest, Endpoint, State
from intermodal.platform.targets import Target
from intermodal.resources.aws import tags

VARIANT = "AllTraffic"
STATES: Mapping[str, State] = {
    "InService": "ready",
    "Creating": "creating",
    "Updating": "creating",
    "SystemUpdating": "creating",
    "RollingBack": "creating",
    "Deleting": "deleting",
}
"""Every other EndpointStatus (Failed, OutOfService, UpdateRollbackFailed) can only be deleted: failed."""


@dataclass(frozen=True)
class Plan:
    """``revision`` names both model and configuration: equal names have equal contents, so creating is idempotent."""

    request: DeployRequest
    target: Target
    instance_type: str
    role_arn: str

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def container(self) -> dict[str, Any]:
        """``S3Prefix`` wants a slash at the end: APIReference/API_S3ModelDataSource.html."""
        data = {"S3Uri": f"{self.request.artifacts.rstrip('/')}/", "S3DataType": "S3Prefix", "CompressionType": "None"}
        environment = {
            "INTERMODAL_VERSION": self.request.version,
            "INTERMODAL_CLOUD": self.target.cloud,
            "INTERMODAL_TARGET": str(self.target),
            **self.request.variables,
        }
        source = {"S3DataSource": data}
        return {"Image": self.request.image, "ModelDataSource": source, "Environment": environment}

    @property
    def revision(self) -> str:
        content = json.dumps([self.container, self.request.replicas, self.instance_type, self.role_arn], sort_keys=True)
        return f"{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    @property
    def variant(self) -> dict[str, Any]:
        return {
            "VariantName": VARIANT,
            "ModelName": self.revision,
            "InitialInstanceCount": self.request.replicas,
            "InstanceType": self.instance_type,
            "InitialVariantWeight": 1.0,
        }

    @property
    def capacity(self) -> dict[str, Any]:
        """What UpdateEndpointWeightsAndCapacities restores after a person, or a policy, scaled the endpoint."""
        return {"VariantName": VARIANT, "DesiredInstanceCount": self.request.replicas, "DesiredWeight": 1.0}

    def has_capacity(self, record: Mapping[str, Any]) -> bool:
        """Whether the endpoint is to run as many instances as requested, and its variant takes requests."""
        variants = {variant["VariantName"]: variant for variant in record.get("ProductionVariants", [])}
        found = {**self.capacity, **variants.get(VARIANT, {})}
        return bool(found["DesiredInstanceCount"] == self.request.replicas and found["DesiredWeight"])

    @property
    def tags(self) -> list[dict[str, str]]:
        return tags.to_aws(self.request.all_tags)


def revision_of(endpoint: str, revision: str) -> bool:
    """Whether a model's or configuration's name is one that a Plan gives for this endpoint."""
    return re.fullmatch(rf"{re.escape(endpoint)}-[0-9a-f]{{10}}", revision) is not None


def state_of(record: Mapping[str, Any]) -> State:
    return STATES.get(record["EndpointStatus"], "failed")


def endpoint_of(record: Mapping[str, Any], found: Mapping[str, str], url: str, target: Target) -> Endpoint:
    """From a response of DescribeEndpoint (or a summary) and the endpoint's tags."""
    state = state_of(record)
    return Endpoint(
        target=target,
        name=record["EndpointName"],
        model=found.get(MODEL_TAG, ""),
        version=found.get(VERSION_TAG, ""),
        url=url,
        state=state,
        reason=record.get("FailureReason", "") if state == "failed" else "",
        digest=found.get(DIGEST_TAG, ""),
    )
