"""SageMaker real-time endpoints as a target (``aws/sagemaker``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import DeployFailed, Unavailable
from intermodal.platform.ports.endpoints import (
    ENVIRONMENT_TAG,
    MODEL_TAG,
    DeployRequest,
    Endpoint,
    ErrorEnvelope,
    Upstream,
)
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.aws import identity
from intermodal.resources.aws.errors import translated
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.aws.targets.sagemaker.api import SageMaker
from intermodal.resources.aws.targets.sagemaker.figures import SageMakerFigures
from intermodal.resources.aws.targets.sagemaker.plan import Plan, endpoint_of
from intermodal.resources.aws.targets.sagemaker.rollout import Rollout
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.polling import poll
from intermodal.resources.settings import environment

PROBE_SECONDS = 2.0
"""Limit of ``answers``, which asks whether SageMaker's API is up."""
ID_HEADER = "x-amzn-sagemaker-custom-attributes"
"""The only header of ours that SageMaker passes on to a container."""
ERRORS = ErrorEnvelope(
    status=424,
    status_field="OriginalStatusCode",
    message_field="OriginalMessage",
    platform_header="x-amzn-errortype",
)
"""A ModelError is 424 with the container's own status and message; AWS's own errors carry x-amzn-errortype.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""


class SageMakerTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as SageMaker endpoints. Fulfils ``ports.EndpointTarget``. Credentials are boto3's.

    Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints.html (6 MB was the payload before 25 MB).
    They need sagemaker:{Create,Describe,Update,Delete}{Model,EndpointConfig,Endpoint}, List*, AddTags,
    InvokeEndpoint, and iam:PassRole on the execution role.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"aws", "sagemaker"})
    extra: ClassVar[str] = "aws"
    default: ClassVar[bool] = True
    limits: ClassVar[Limits] = Limits(6_000_000, 6_000_000, answer_seconds=60, start_seconds=480, name_length=63)
    lacks: ClassVar[Mapping[Feature, str]] = {}
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-amz*",)

    region: str = Field(description="For example us-east-1.")
    role_arn: str = Field(description="The execution role: it reads the mirror in S3 and pulls the image.")
    instance_type: str = Field(default="ml.m5.large", description="The machine of each replica.")
    timeout_seconds: float = Field(default=1200, description="Limit of deploy and delete, in seconds.")
    max_attempts: int = Field(default=5, description="Attempts of a call that is throttled or fails.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    endpoint_url: str = Field(default="", description="The address of AWS's APIs; empty: as boto3 finds it.")
    environment: str = Field(default="sandbox", description="Figures are of endpoints of this environment.")
    monitor_delay_seconds: float = Field(default=120, description="Delay of CloudWatch, in seconds.")

    @classmethod
    def of(cls, target: Target) -> Self:
        """By the site's settings. SpecError names the variables that are missing."""
        settings = AwsSettings.of(target.site)
        return cls(
            region=settings.region,
            role_arn=settings.role_arn,
            named_region=target.region,
            endpoint_url=settings.endpoint_url if target.region else "",
            environment=environment(),
            monitor_delay_seconds=settings.monitor_delay_seconds,
        )

    @property
    def target(self) -> Target:
        return Target("aws", "sagemaker", self.named_region)

    @cached_property
    def _sagemaker(self) -> SageMaker:
        return SageMaker(self._client("sagemaker"))

    @cached_property
    def _runtime(self) -> Any:
        return self._client("sagemaker-runtime")

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Compare and correct until the endpoint is as requested and in service.

        Each step starts from what there is, so the next deploy continues one that was killed.
        """
        rollout = Rollout(self._sagemaker, Plan(request, self.target, self.instance_type, self.role_arn))
        if found := poll(rollout.advance, self.timeout_seconds):
            record, tags = found
            return endpoint_of(record, tags, self._url(request.name), self.target)
        raise DeployFailed(
            f"SageMaker endpoint '{request.name}' was not in service within {self.timeout_seconds:.0f} s: "
            f"it is {rollout.status}.",
            hint="That continues and is billed. Deploy again to continue; if it never ends, delete it, or ask AWS.",
        )

    def describe(self, name: str) -> Endpoint | None:
        found = self._sagemaker.describe(name)
        return endpoint_of(*found, self._url(name), self.target) if found else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        found = []
        for name in self._sagemaker.names():
            described = self._sagemaker.describe(name)
            if described is None:
                continue
            record, tags = described
            if tags.get(ENVIRONMENT_TAG) == environment and model in (None, tags[MODEL_TAG]):
                found.append(endpoint_of(record, tags, self._url(name), self.target))
        return sorted(found, key=lambda endpoint: endpoint.name)

    def delete(self, name: str) -> None:
        """The endpoint, then its configurations and models. First waits for the end of a change that is under way."""
        if not poll(lambda: not self._sagemaker.remove(name), self.timeout_seconds):
            record = self._sagemaker.find(name) or {}
            raise Unavailable(
                f"SageMaker endpoint '{name}' is still there: it is {record.get('EndpointStatus', 'Deleting')}.",
                hint="SageMaker deletes nothing that is changing. Delete it again later, or ask AWS if it never ends.",
            )
        self._sagemaker.discard(name)

    def invoke(self, name: str, body: bytes) -> bytes:
        """Raises SpecError, with the model's message, when the model itself answers 4xx."""
        with translated(f"invoke SageMaker endpoint '{name}'"):
            answer = self._runtime.invoke_endpoint(
                EndpointName=name, Body=body, ContentType="application/json", Accept="application/json"
            )
            return bytes(answer["Body"].read())

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """With the current keys. Those of a role are short-lived: publish again before they expire."""
        signature = identity.signature("sagemaker", self.region)
        return Upstream(self.target, endpoint.version, endpoint.url, signature, ID_HEADER, ERRORS)

    def answers(self) -> bool:
        """Whether SageMaker's API lists one endpoint in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._probe_client.list_endpoints(MaxResults=1))

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What CloudWatch measured; see SageMakerFigures."""
        return self._figures.read(seconds, model)

    @cached_property
    def _figures(self) -> SageMakerFigures:
        return SageMakerFigures(
            target=self.target,
            region=self.region,
            endpoint_url=self.endpoint_url,
            environment=self.environment,
            late_seconds=self.monitor_delay_seconds,
            max_attempts=self.max_attempts,
        )

    def _client(self, service: str) -> Any:
        return identity.client(service, self.region, self.max_attempts, endpoint_url=self.endpoint_url)

    @cached_property
    def _probe_client(self) -> Any:
        return identity.client(
            "sagemaker", self.region, max_attempts=1, seconds=PROBE_SECONDS, endpoint_url=self.endpoint_url
        )

    def _url(self, name: str) -> str:
        return f"{self._runtime.meta.endpoint_url}/endpoints/{name}/invocations"
