"""Figures of Lambda functions, measured by CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from intermodal.platform.ports.endpoints import ENVIRONMENT_TAG, MODEL_TAG, VERSION_TAG
from intermodal.platform.ports.metrics import Figures
from intermodal.platform.targets import Target
from intermodal.resources.aws import cloudwatch, identity
from intermodal.resources.aws.targets.aws_lambda import metrics
from intermodal.resources.aws.targets.aws_lambda.api import Lambda
from intermodal.resources.aws.targets.aws_lambda.metrics import MeasuredFunction
from intermodal.resources.concurrency import parallel

DESCRIBE_WORKERS = 8


class LambdaFigures(BaseModel):
    """One row for each function of ours. Credentials are boto3's.

    They need cloudwatch:GetMetricData and lambda:ListFunctions, GetFunction, ListTags. AWS bills the 6 metrics of each
    function at every read. Minutes are those of ``SageMakerFigures``.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, ignored_types=(cached_property,))

    target: Target
    region: str = Field(description="For example us-east-1.")
    endpoint_url: str = Field(default="", description="The address of AWS's APIs; empty: as boto3 finds it.")
    environment: str = Field(description="Only functions of this environment count.")
    late_seconds: float = Field(default=120, ge=0, description="Count minutes that began at least so long ago.")
    max_attempts: int = Field(default=5, description="Attempts of a call that is throttled or fails.")

    @cached_property
    def _lambda(self) -> Lambda:
        return Lambda(self._client("lambda"))

    @cached_property
    def _cloudwatch(self) -> Any:
        return self._client("cloudwatch")

    def _client(self, service: str) -> Any:
        return identity.client(service, self.region, self.max_attempts, endpoint_url=self.endpoint_url)

    def read(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """A row for each function, also without requests. Refused, Throttled, Unavailable; SpecError beyond 15 days."""
        span = cloudwatch.window(time.time(), seconds, self.late_seconds)
        functions = self._functions(model)
        queries = chain.from_iterable(metrics.queries(function, n, span) for n, function in enumerate(functions))
        values = cloudwatch.read(self._cloudwatch, list(queries), span, "Lambda")
        return [metrics.figures(self.target, function, n, span, values) for n, function in enumerate(functions)]

    def _functions(self, model: str) -> list[MeasuredFunction]:
        """Our functions of this environment, of one model when it is named."""
        found = parallel(lambda name: self._measured(name, model), list(self._lambda.names()), DESCRIBE_WORKERS)
        return sorted((function for function in found.values() if function), key=lambda function: function.name)

    def _measured(self, name: str, model: str) -> MeasuredFunction | None:
        described = self._lambda.describe(name)
        if described is None:
            return None
        tags = described[1]
        if tags.get(ENVIRONMENT_TAG) != self.environment or model not in ("", tags[MODEL_TAG]):
            return None
        return MeasuredFunction(name, tags[MODEL_TAG], tags[VERSION_TAG])
