"""AWS Lambda functions of an image, behind a function URL, as a target (``aws/lambda``)."""

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
from intermodal.resources.aws.settings import AwsSettings
from intermodal.resources.aws.targets.aws_lambda.api import Lambda, Record
from intermodal.resources.aws.targets.aws_lambda.figures import LambdaFigures
from intermodal.resources.aws.targets.aws_lambda.plan import PREDICT_PATH, Plan, endpoint_of, is_stopped
from intermodal.resources.aws.targets.aws_lambda.rollout import Rollout
from intermodal.resources.concurrency import succeeds_within
from intermodal.resources.polling import poll
from intermodal.resources.settings import environment

PROBE_SECONDS = 2.0
"""Limit of ``answers``."""
ERRORS = ErrorEnvelope(platform_header="x-amzn-errortype")
"""The server's own status arrives as it is, apart from 5xx, which is 502. Lambda's own errors carry x-amzn-errortype.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""


class LambdaTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as Lambda functions. Fulfils ``ports.EndpointTarget``. Credentials are boto3's.

    The image holds the AWS Lambda Web Adapter, is for one platform, and lies in ECR of the function's region. Limits:
    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html has 6 MB for a request and an answer, of
    which a binary body takes four thirds; 900 s; names of 64 characters; images of 10 GB. The init phase is 10 s:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
    They need lambda:{Create,Get,List,Update,Delete,Publish,Tag}*, InvokeFunction and InvokeFunctionUrl, both of which
    a function URL requires, iam:PassRole on the execution role, and cloudwatch:GetMetricData.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"aws", "lambda"})
    extra: ClassVar[str] = "aws"
    default: ClassVar[bool] = False
    limits: ClassVar[Limits] = Limits(4_500_000, 4_500_000, answer_seconds=900, start_seconds=10, name_length=64)
    lacks: ClassVar[Mapping[Feature, str]] = {
        Feature.REPLICAS: "Lambda starts an environment for each request at a time and stops those that are idle"
    }
    reserved_headers: ClassVar[tuple[str, ...]] = ("x-amz*",)

    region: str = Field(description="For example us-east-1.")
    role_arn: str = Field(description="The execution role: it reads the mirror in S3. lambda.amazonaws.com assumes it.")
    memory_mb: int = Field(default=1769, description="Memory of a function in MB; 1769 is one vCPU.")
    storage_mb: int = Field(default=2048, description="Size of /tmp in MB, where the server keeps the model.")
    timeout_seconds: float = Field(default=600, description="Limit of deploy and delete, in seconds.")
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
        return Target("aws", "lambda", self.named_region)

    @cached_property
    def _lambda(self) -> Lambda:
        return Lambda(identity.client("lambda", self.region, self.max_attempts, endpoint_url=self.endpoint_url))

    def plan(self, request: DeployRequest) -> Plan:
        return Plan(request, self.target, self.role_arn, self.memory_mb, self.storage_mb)

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Compare and correct until the alias points to the requested version, which answered a request of ours.

        Each step starts from what there is, so the next deploy continues one that was killed.
        """
        rollout = Rollout(self._lambda, self.plan(request))
        if found := poll(rollout.advance, self.timeout_seconds):
            return self._endpoint(request.name, *found)
        raise DeployFailed(
            f"Lambda function '{request.name}' did not serve within {self.timeout_seconds:.0f} s: "
            f"it is {rollout.status}.",
            hint="That continues. Deploy again to continue; if it never ends, delete it, or ask AWS.",
        )

    def describe(self, name: str) -> Endpoint | None:
        found = self._lambda.describe(name)
        return self._endpoint(name, *found) if found else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        found = []
        for name in self._lambda.names():
            described = self._lambda.describe(name)
            if described is None:
                continue
            record, tags = described
            if tags.get(ENVIRONMENT_TAG) == environment and model in (None, tags[MODEL_TAG]):
                found.append(self._endpoint(name, record, tags))
        return sorted(found, key=lambda endpoint: endpoint.name)

    def delete(self, name: str) -> None:
        """The function with its versions, its alias and its URL."""
        if not poll(lambda: not self._lambda.remove(name), self.timeout_seconds):
            raise Unavailable(
                f"Lambda function '{name}' is still there.",
                hint="Lambda deletes nothing that is changing. Delete it again later, or ask AWS if it never ends.",
            )

    def invoke(self, name: str, body: bytes) -> bytes:
        """Raises SpecError, with the model's message, when the model itself answers 4xx."""
        return self._lambda.predict(name, body)

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """With the current keys. Those of a role are short-lived: publish again before they expire."""
        signature = identity.signature("lambda", self.region)
        return Upstream(self.target, endpoint.version, endpoint.url, signature, errors=ERRORS)

    def answers(self) -> bool:
        """Whether Lambda's API lists one function in time."""
        return succeeds_within(PROBE_SECONDS, lambda: self._probe_client.list_functions(MaxItems=1))

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What CloudWatch measured; see LambdaFigures."""
        return self._figures.read(seconds, model)

    @cached_property
    def _figures(self) -> LambdaFigures:
        return LambdaFigures(
            target=self.target,
            region=self.region,
            endpoint_url=self.endpoint_url,
            environment=self.environment,
            late_seconds=self.monitor_delay_seconds,
            max_attempts=self.max_attempts,
        )

    @cached_property
    def _probe_client(self) -> Any:
        return identity.client(
            "lambda", self.region, max_attempts=1, seconds=PROBE_SECONDS, endpoint_url=self.endpoint_url
        )

    def _endpoint(self, name: str, record: Record, tags: Mapping[str, str]) -> Endpoint:
        alias = self._lambda.alias(name)
        version = self._lambda.version(name, alias["FunctionVersion"]) if alias else None
        if version is None and record["Configuration"].get("State") == "Failed":
            version = record["Configuration"]
        url = (self._lambda.url(name) or {}).get("FunctionUrl", "") if alias else ""
        address = f"{url.rstrip('/')}{PREDICT_PATH}" if url else ""
        return endpoint_of(name, tags, version, address, self.target, is_stopped(record))
