"""A deployment in Lambda: a function of one image. Its versions are described by a hash of their content."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intermodal.platform.ports.endpoints import DIGEST_TAG, MODEL_TAG, VERSION_TAG, DeployRequest, Endpoint, State
from intermodal.platform.protocol.envelope import MAX_ANSWER_SECONDS
from intermodal.platform.targets import Target

ALIAS = "live"
"""The alias that has the function URL. An update points it to another version, so a URL never changes."""
READY_PATH, PREDICT_PATH = "/v2/health/ready", "/invocations"
PORT = 8080
ADAPTER = {
    "AWS_LWA_PORT": str(PORT),
    "AWS_LWA_READINESS_CHECK_PATH": READY_PATH,
    "AWS_LWA_ASYNC_INIT": "true",
    "AWS_LWA_ERROR_STATUS_CODES": "500-599",
}
"""Of the Lambda Web Adapter, which hands an event to the server as an HTTP request. ``ASYNC_INIT``: a start that takes
longer than the 10 s of the init phase goes on in the first request. ``ERROR_STATUS_CODES``: what the server could not
answer is a failed invocation, so CloudWatch counts it. https://github.com/aws/aws-lambda-web-adapter"""
STATES: Mapping[str, State] = {"Active": "ready", "Inactive": "ready", "Pending": "creating", "Deleting": "deleting"}
"""An inactive function was not called for weeks; the next request activates it. Every other state is failed."""


@dataclass(frozen=True)
class Plan:
    """``revision`` describes a published version: equal revisions have equal contents, so publishing is idempotent."""

    request: DeployRequest
    target: Target
    role_arn: str
    memory_mb: int
    storage_mb: int

    @property
    def name(self) -> str:
        return self.request.name

    @property
    def environment(self) -> dict[str, str]:
        return {
            **ADAPTER,
            "MODEL_URI": self.request.artifacts,
            "INTERMODAL_VERSION": self.request.version,
            "INTERMODAL_CLOUD": self.target.cloud,
            "INTERMODAL_TARGET": str(self.target),
            **self.request.variables,
        }

    @property
    def configuration(self) -> dict[str, Any]:
        """The members of UpdateFunctionConfiguration."""
        return {
            "Role": self.role_arn,
            "Timeout": MAX_ANSWER_SECONDS,
            "MemorySize": self.memory_mb,
            "EphemeralStorage": {"Size": self.storage_mb},
            "Environment": {"Variables": self.environment},
        }

    @property
    def revision(self) -> str:
        content = json.dumps([self.request.image, self.configuration], sort_keys=True)
        return f"intermodal {hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def has_image(self, record: Mapping[str, Any]) -> bool:
        return bool(record.get("Code", {}).get("ImageUri") == self.request.image)

    def has_configuration(self, record: Mapping[str, Any]) -> bool:
        found = record["Configuration"]
        return all(found.get(name) == value for name, value in self.configuration.items())


def is_moving(configuration: Mapping[str, Any]) -> bool:
    """Whether Lambda refuses changes for now."""
    return configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress"


def is_stopped(record: Mapping[str, Any]) -> bool:
    """Whether the reserved concurrency is 0, with which Lambda throttles every request."""
    return bool(record.get("Concurrency", {}).get("ReservedConcurrentExecutions") == 0)


def reason_of(configuration: Mapping[str, Any]) -> str:
    """Lambda's own words: of the state, else of the last update."""
    for code, text in (("StateReasonCode", "StateReason"), ("LastUpdateStatusReasonCode", "LastUpdateStatusReason")):
        if configuration.get(text) or configuration.get(code):
            return f"{configuration.get(text, '')} ({configuration.get(code, 'no code')})".strip()
    return "Lambda gives no reason."


def event(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as a function URL writes it, payload format 2.0, with a body of any bytes.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    document = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "accept": "application/json"},
        "requestContext": {"http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}},
        "isBase64Encoded": True,
        "body": base64.b64encode(body).decode(),
    }
    return json.dumps(document).encode()


def endpoint_of(
    name: str, found: Mapping[str, str], version: Mapping[str, Any] | None, url: str, target: Target, stopped: bool
) -> Endpoint:
    """``version`` is the configuration behind the alias; None while there is none, and then it is being created."""
    state: State = STATES.get(version.get("State", "Active"), "failed") if version else "creating"
    reason = reason_of(version) if version and state == "failed" else ""
    if state == "ready" and stopped:
        state, reason = "failed", "Its reserved concurrency is 0: Lambda throttles every request."
    if state == "ready" and not url:
        state = "creating"
    return Endpoint(
        target=target,
        name=name,
        model=found.get(MODEL_TAG, ""),
        version=found.get(VERSION_TAG, ""),
        url=url,
        state=state,
        reason=reason,
        digest=found.get(DIGEST_TAG, ""),
    )
