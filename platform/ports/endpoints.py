"""Endpoints: a version serving on a target, and what the gateway must know to reach it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.protocol.sensitive import to_variables
from intermodal.platform.targets import Cloud, Target

State = Literal["creating", "ready", "failed", "deleting"]
NAME_LIMIT = 32
"""Azure ML's limit for endpoint names, the tightest of all targets (CONTRACTS)."""


def endpoint_name(model: str, version: str, environment: str) -> str:
    """One name that every cloud accepts: lower case, digits, hyphens, at most 32 characters, starting with a letter.

    A name that is too long is cut and ends in a hash, so that two long names stay two.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", f"{model}-{version}-{environment}".lower()).strip("-")
    if not plain[:1].isalpha():
        plain = f"m-{plain}".rstrip("-")
    if len(plain) <= NAME_LIMIT:
        return plain
    digest = hashlib.sha256(f"{model}\0{version}\0{environment}".encode()).hexdigest()[:8]
    return f"{plain[: NAME_LIMIT - 9].rstrip('-')}-{digest}"


@dataclass(frozen=True)
class DeployRequest:
    """Serve one version on one target.

    ``artifacts`` is the mirror's URI in the target's own cloud (``s3://bucket/prefix``, ``gs://...``,
    ``azureml://...`` or ``https://<account>.blob...``), ``image`` an image reference in that cloud's registry.
    ``predictions`` is where the server writes its prediction log (the same kinds of URI; empty: nowhere), ``sample``
    the share of requests that it logs, 0 to 1, ``rows_per_second`` how many rows at most, about, on each replica, and
    ``sensitive`` names columns that it must not log, beside those that the artifacts name; unknown ones are no error.
    """

    model: str
    version: str
    environment: str
    owner: str
    image: str
    artifacts: str
    replicas: int = 1
    predictions: str = ""
    sample: float = 1.0
    rows_per_second: int = ROWS_PER_SECOND
    sensitive: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return endpoint_name(self.model, self.version, self.environment)

    @property
    def variables(self) -> dict[str, str]:
        """What the server is told of its prediction log, as variables of its container."""
        if not self.predictions:
            return {}
        return {
            "INTERMODAL_PREDICTIONS": self.predictions,
            "INTERMODAL_PREDICTIONS_SAMPLE": f"{self.sample:g}",
            "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": str(self.rows_per_second),
            **to_variables(self.sensitive),
        }

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags that every deployment carries, for governance and for the bill."""
        return {
            **self.tags,
            "intermodal-model": self.model,
            "intermodal-version": self.version,
            "intermodal-environment": self.environment,
            "intermodal-team": self.owner,
        }


@dataclass(frozen=True)
class Endpoint:
    """A version serving on a target, as its cloud reports it. ``reason`` is the cloud's own when it failed."""

    target: Target
    name: str
    model: str
    version: str
    url: str
    state: State
    reason: str = ""

    @property
    def cloud(self) -> Cloud:
        return self.target.cloud


@dataclass(frozen=True)
class AwsSignature:
    """The gateway signs with SigV4 for this service and region, with these keys.

    ``expires_at`` (Unix seconds) is None for keys of a user; those of a role expire.
    """

    service: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class BearerToken:
    """The gateway adds ``Authorization: Bearer <token>``. ``expires_at`` (Unix seconds) is None for a key."""

    token: str = field(repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class Upstream:
    """One cloud's path to a model: where the gateway sends a V2 body, and how it proves who it is.

    ``url`` is the full address of a ``POST`` that takes a V2 body whole and answers with one.
    """

    cloud: Cloud
    version: str
    url: str
    credential: AwsSignature | BearerToken | None = None


class EndpointTarget(Protocol):
    """A kind of place that serves. Errors: DeployFailed, Refused, Throttled, Unavailable, NotFound."""

    @property
    def target(self) -> Target: ...

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Create or update the endpoint and block until it is ready, or raise DeployFailed with the cloud's reason.

        Idempotent: the same request again changes nothing; after a kill it takes up what is there.
        """

    def describe(self, name: str) -> Endpoint | None: ...

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        """What Intermodal runs here, found by tags."""

    def delete(self, name: str) -> None:
        """Idempotent: deleting what is not there is a success. Nothing that costs money is left behind."""

    def invoke(self, name: str, body: bytes) -> bytes:
        """Send a V2 body through the cloud's official client; the V2 answer."""

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """How the gateway reaches it, with a credential that is fresh now. Its ``url`` may also be that of the upstream
        that it has: who only needs a new credential knows no other, and the cloud need not be asked for it."""

    def answers(self) -> bool:
        """Whether the cloud's API takes a cheap, authorised call now: one try, at most two seconds, never an error."""
