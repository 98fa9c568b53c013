"""SageMaker real-time endpoints as a target (``aws/sagemaker``)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import Field

from intermodal.platform.errors import DeployFailed, Throttled, Unavailable
from intermodal.platform.ports.endpoints import DeployRequest, Endpoint, ErrorEnvelope, Upstream
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Feature, Limits, Target
from intermodal.resources.aws import identity
from intermodal.resources.aws.errors import translated
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.aws.targets.sagemaker.api import SageMaker
from intermodal.resources.aws.targets.sagemaker.figures import SageMakerFigures
from intermodal.resources.aws.targets.sagemaker.plan import Plan, endpoint_of
from intermodal.resources.aws.targets.sagemaker.rollout import Rollout
from intermodal.resources.deadline import within
from intermodal.resources.settings import environment

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
ANSWER_SECONDS = 2.0
ID_HEADER = "x-amzn-sagemaker-custom-attributes"
"""SageMaker passes no other header of ours on to a container."""
ERRORS = ErrorEnvelope(
    status=424,
    status_field="OriginalStatusCode",
    message_field="OriginalMessage",
    platform_header="x-amzn-errortype",
)
"""A ModelError is 424 with the container's own status and message; AWS's own errors carry x-amzn-errortype.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""
MAX_FAILURES = 5
"""How many looks in a row may fail before deploy gives up: a blip must not end a deployment of minutes."""


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
    timeout_seconds: float = Field(default=1200, description="How long deploy and delete wait.")
    max_attempts: int = Field(default=5, description="How often one call is tried that is throttled or fails.")
    named_region: str = Field(default="", description="The region in the target's name; empty: the default region.")
    endpoint_url: str = Field(default="", description="The address of AWS's APIs; empty: as boto3 finds it.")
    environment: str = Field(default="sandbox", description="Figures are of endpoints of this environment.")
    monitor_delay_seconds: float = Field(default=120, description="How late CloudWatch is.")

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
        """Compare and correct until the endpoint is as wanted and in service: a killed deploy is simply continued."""
        rollout = Rollout(self._sagemaker, Plan(request, self.target, self.instance_type, self.role_arn))
        deadline, pause, failures = time.monotonic() + self.timeout_seconds, FIRST_PAUSE, 0
        while time.monotonic() < deadline:
            try:
                found = rollout.advance()
                failures = 0
            except (Throttled, Unavailable):
                failures += 1
                if failures == MAX_FAILURES:
                    raise
                found = None
            if found is not None:
                record, tags = found
                return endpoint_of(record, tags, self._url(request.name), self.target)
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
        raise DeployFailed(
            f"SageMaker endpoint '{request.name}' was not in service within {self.timeout_seconds:.0f} s.",
            hint="It goes on in the cloud, and is billed: deploy again to take it up, or delete it.",
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
            if tags.get("intermodal-environment") == environment and model in (None, tags["intermodal-model"]):
                found.append(endpoint_of(record, tags, self._url(name), self.target))
        return sorted(found, key=lambda endpoint: endpoint.name)

    def delete(self, name: str) -> None:
        """The endpoint, then its configurations and models. Waits for a change under way to settle first."""
        deadline, pause = time.monotonic() + self.timeout_seconds, FIRST_PAUSE
        while self._sagemaker.remove(name):
            if time.monotonic() > deadline:
                raise Unavailable(f"SageMaker endpoint '{name}' is still there.", hint="Delete it again later.")
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_PAUSE)
        self._sagemaker.discard(name)

    def invoke(self, name: str, body: bytes) -> bytes:
        """Raises SpecError for what the model itself answers with 4xx, with its message."""
        with translated(f"invoke SageMaker endpoint '{name}'"):
            answer = self._runtime.invoke_endpoint(
                EndpointName=name, Body=body, ContentType="application/json", Accept="application/json"
            )
            return bytes(answer["Body"].read())

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """The keys are those of now: where a role gives short-lived ones, publish again before they end."""
        signature = identity.signature("sagemaker", self.region)
        return Upstream(self.target, endpoint.version, endpoint.url, signature, ID_HEADER, ERRORS)

    def answers(self) -> bool:
        """Asks SageMaker to list one endpoint."""
        return within(ANSWER_SECONDS, lambda: self._hasty.list_endpoints(MaxResults=1))

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
    def _hasty(self) -> Any:
        return identity.client(
            "sagemaker", self.region, max_attempts=1, seconds=ANSWER_SECONDS, endpoint_url=self.endpoint_url
        )

    def _url(self, name: str) -> str:
        return f"{self._runtime.meta.endpoint_url}/endpoints/{name}/invocations"
