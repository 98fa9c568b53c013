"""Figures of SageMaker endpoints, measured by CloudWatch."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from intermodal.platform.errors import NotFound
from intermodal.platform.ports.endpoints import ENVIRONMENT_TAG, MODEL_TAG, VERSION_TAG
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.aws import cloudwatch, identity
from intermodal.resources.aws.cloudwatch import MeasuredEndpoint
from intermodal.resources.aws.errors import translated
from intermodal.resources.aws.targets.sagemaker.api import SageMaker
from intermodal.resources.aws.targets.sagemaker.plan import VARIANT, state_of
from intermodal.resources.concurrency import parallel

DESCRIBE_WORKERS = 8
NAME_PART_LENGTH = 16
"""Characters of a model's name that its endpoint's name has in any case (``endpoint_name``)."""


class SageMakerFigures(BaseModel):
    """One row for each endpoint of ours. Credentials are boto3's.

    They need cloudwatch:GetMetricData and sagemaker:ListEndpoints, DescribeEndpoint, DescribeEndpointConfig, ListTags.
    A read calls CloudWatch once for each 62 endpoints, and AWS bills the 8 metrics of each.

    CloudWatch measures whole minutes, and a minute is complete one or two minutes after its end. A read covers as many
    whole minutes as its seconds need, up to the last one that began ``late_seconds`` ago, and rates are over exactly
    these. With 120 a read ends between one and two minutes ago. ``instances`` is SageMaker's CurrentInstanceCount.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, ignored_types=(cached_property,))

    target: Target
    region: str = Field(description="For example us-east-1.")
    endpoint_url: str = Field(default="", description="The address of AWS's APIs; empty: as boto3 finds it.")
    environment: str = Field(description="Only endpoints of this environment count.")
    late_seconds: float = Field(default=120, ge=0, description="Count minutes that began at least so long ago.")
    max_attempts: int = Field(default=5, description="Attempts of a call that is throttled or fails.")
    _types: dict[str, str] = PrivateAttr(default_factory=dict)

    @cached_property
    def _sagemaker(self) -> SageMaker:
        return SageMaker(self._client("sagemaker"))

    def _client(self, service: str) -> Any:
        return identity.client(service, self.region, self.max_attempts, endpoint_url=self.endpoint_url)

    @cached_property
    def _cloudwatch(self) -> Any:
        return self._client("cloudwatch")

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """A row for each endpoint, also without requests. Refused, Throttled, Unavailable; SpecError beyond 15 days."""
        span = cloudwatch.window(time.time(), seconds, self.late_seconds)
        endpoints = self._endpoints(model)
        queries = chain.from_iterable(cloudwatch.queries(endpoint, n, span) for n, endpoint in enumerate(endpoints))
        values = cloudwatch.read(self._cloudwatch, list(queries), span, "SageMaker")
        return [cloudwatch.figures(self.target, endpoint, n, span, values) for n, endpoint in enumerate(endpoints)]

    def _endpoints(self, model: str) -> list[MeasuredEndpoint]:
        """Our endpoints of this environment, of one model when it is named."""
        part = re.sub(r"[^a-z0-9]+", "-", model).strip("-")[:NAME_PART_LENGTH].rstrip("-")
        found = parallel(lambda name: self._measured(name, model), self._sagemaker.names(part), DESCRIBE_WORKERS)
        return sorted((endpoint for endpoint in found.values() if endpoint), key=lambda endpoint: endpoint.name)

    def _measured(self, name: str, model: str) -> MeasuredEndpoint | None:
        described = self._sagemaker.describe(name)
        if described is None:
            return None
        record, tags = described
        if tags.get(ENVIRONMENT_TAG) != self.environment or model not in ("", tags[MODEL_TAG]):
            return None
        if state_of(record) == "deleting":
            return None
        instances = sum(variant.get("CurrentInstanceCount", 0) for variant in record.get("ProductionVariants", []))
        cores = cloudwatch.cores_of(self._type(record.get("EndpointConfigName", "")))
        return MeasuredEndpoint(name, tags[MODEL_TAG], tags[VERSION_TAG], instances, cores)

    def _type(self, config: str) -> str:
        """The instance type of a configuration. Kept, because configurations never change."""
        if config and config not in self._types:
            try:
                with translated(f"describe SageMaker endpoint configuration '{config}'"):
                    found = self._sagemaker.client.describe_endpoint_config(EndpointConfigName=config)
            except NotFound:
                return ""
            variants = {variant["VariantName"]: variant for variant in found["ProductionVariants"]}
            self._types[config] = variants.get(VARIANT, {}).get("InstanceType", "")
        return self._types.get(config, "")
