"""Endpoints: a version serving on a target, and what the gateway must know to reach it."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from intermodal.platform.ports.metrics import Figures
from intermodal.platform.protocol.keys import to_variables as keys_to_variables
from intermodal.platform.protocol.prediction_log import ROWS_PER_SECOND
from intermodal.platform.protocol.sensitive import ERRORS_VARIABLE, ErrorDetail, to_variables
from intermodal.platform.targets import Target

State = Literal["creating", "ready", "failed", "deleting"]
NAME_LIMIT = 32
"""Azure ML's limit for endpoint names, the tightest of all targets (CONTRACTS)."""
MODEL_TAG, VERSION_TAG, ENVIRONMENT_TAG = "intermodal-model", "intermodal-version", "intermodal-environment"
"""Whose an endpoint is (``ports.ownership``)."""
DIGEST_TAG = "intermodal-digest"
"""64 hex digits. AWS and Azure allow 256 characters; Google's label has the first 63, its annotation all."""
_READABLE = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-([0-9]+)-([0-9]+)-([0-9]+)-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
"""Model, version and environment in an endpoint's name. The version is the last one that the name could have."""
_HASHED = re.compile(r"-[0-9a-f]{8}\Z")


def endpoint_name(model: str, version: str, environment: str) -> str:
    """One name that every cloud accepts: lower case, digits, hyphens, at most 32 characters, starting with a letter.

    A name from which the three cannot be read back ends in a hash, so that two names stay two: one that is cut, that of
    ``a_`` beside ``a``, that of ``a__b`` beside ``a_b``, or that of ``a`` in an environment ``x-1-0-0-y``.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", f"{model}-{version}-{environment}".lower()).strip("-")
    if not plain[:1].isalpha():
        plain = f"m-{plain}".rstrip("-")
    if len(plain) <= NAME_LIMIT and _read(plain) == (model, version, environment):
        return plain
    digest = hashlib.sha256(f"{model}\0{version}\0{environment}".encode()).hexdigest()[:8]
    return f"{plain[: NAME_LIMIT - 9].rstrip('-')}-{digest}"


def _read(name: str) -> tuple[str, str, str] | None:
    """Whose name this is. None for one that ends as if in a hash."""
    found = None if _HASHED.search(name) else _READABLE.fullmatch(name)
    if found is None:
        return None
    model, major, minor, patch, environment = found.groups()
    return model.replace("-", "_"), f"{major}.{minor}.{patch}", environment


@dataclass(frozen=True)
class DeployRequest:
    """Serve one version on one target.

    ``artifacts`` is the mirror's URI at the target's own site (``s3://bucket/prefix``, ``gs://...``,
    ``azureml://...`` or ``https://<account>.blob...``), ``image`` an image reference in that site's registry.
    ``predictions`` is where the server writes its prediction log (the same kinds of URI; empty: nowhere), ``sample``
    the share of requests that it logs, 0 to 1, ``rows_per_second`` how many rows at most, about, on each replica, and
    ``sensitive`` names columns that it must not log or quote, beside those that the artifacts name; unknown ones are no
    error. ``errors`` is what callers see of an error about their rows, as in the spec.
    ``digest`` is the package's, 64 hex digits: an endpoint with another one is replaced. Empty: unknown.
    ``trusted_keys`` are public keys as text (``signing.key_text``): the server loads what one of them signed. Empty: it
    verifies no signature.
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
    errors: ErrorDetail = "full"
    tags: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    trusted_keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return endpoint_name(self.model, self.version, self.environment)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the server's container that say where and what it logs, what errors hold, the package's
        digest, and the keys.

        Every platform compares them with what runs, so an endpoint of another digest is replaced.
        """
        package = {
            **({"INTERMODAL_DIGEST": self.digest} if self.digest else {}),
            **({ERRORS_VARIABLE: self.errors} if self.errors != "full" else {}),
            **to_variables(self.sensitive),
            **keys_to_variables(self.trusted_keys),
        }
        if not self.predictions:
            return package
        return {
            **package,
            "INTERMODAL_PREDICTIONS": self.predictions,
            "INTERMODAL_PREDICTIONS_SAMPLE": f"{self.sample:g}",
            "INTERMODAL_PREDICTIONS_ROWS_PER_SECOND": str(self.rows_per_second),
        }

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags that every deployment carries, for governance and for the bill."""
        return {
            **self.tags,
            **({DIGEST_TAG: self.digest} if self.digest else {}),
            MODEL_TAG: self.model,
            VERSION_TAG: self.version,
            ENVIRONMENT_TAG: self.environment,
            "intermodal-team": self.owner,
        }


@dataclass(frozen=True)
class Endpoint:
    """A version serving on a target, as its cloud reports it. ``reason`` is the cloud's own when it failed.

    ``digest`` is that of its package, '' if it was deployed before digests were kept.
    """

    target: Target
    name: str
    model: str
    version: str
    url: str
    state: State
    reason: str = ""
    digest: str = ""


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
class ApiKey:
    """The gateway adds the header ``header`` with this key, and nothing else. A key does not expire by itself."""

    header: str
    key: str = field(repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class ErrorEnvelope:
    """How a platform wraps an error of the container that it serves, as data for the gateway.

    ``status`` is the HTTP status of the wrapping answer (424), 0 when the platform wraps nothing. The container's own
    status stands in the header ``status_header`` or in the JSON field ``status_field``, its text in ``message_field``.
    An answer with the header ``platform_header`` is the platform's own and says nothing of the client's request.
    """

    status: int = 0
    status_header: str = ""
    status_field: str = ""
    message_field: str = ""
    platform_header: str = ""


@dataclass(frozen=True)
class Upstream:
    """One target as the gateway sees it for a model: where a V2 body is sent, and how the gateway authenticates.

    ``url`` is the full address of a ``POST`` that takes a V2 body whole and answers with one. ``id_header`` is the
    request header in which the platform passes the request's id to the container, empty when ``x-request-id`` arrives.
    """

    target: Target
    version: str
    url: str
    credential: AwsSignature | BearerToken | ApiKey | None = None
    id_header: str = ""
    errors: ErrorEnvelope = ErrorEnvelope()


class EndpointTarget(Protocol):
    """A serving platform at a site. Errors: DeployFailed, Refused, Throttled, Unavailable, NotFound.

    An endpoint of our name whose tags are another's, or missing, is refused by ``deploy`` and ``delete``, and is none
    for ``describe`` and ``list`` (``ports.ownership``).
    """

    @property
    def target(self) -> Target: ...

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Create or update the endpoint and block until it is ready, or raise DeployFailed with the cloud's reason.

        Idempotent: the same request again changes nothing; after a kill it takes up what is there.
        """

    def describe(self, name: str) -> Endpoint | None:
        """The endpoint that Intermodal made under this name; None when there is none."""

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        """What Intermodal runs here, found by tags. An endpoint with copied tags under another name is not in it."""

    def delete(self, name: str) -> None:
        """Idempotent: deleting what is not there is a success. Nothing that costs money is left behind."""

    def invoke(self, name: str, body: bytes) -> bytes:
        """Send a V2 body through the cloud's official client; the V2 answer."""

    def upstream(self, endpoint: Endpoint) -> Upstream:
        """How the gateway reaches it, with a credential that is fresh now. Its ``url`` may also be that of the upstream
        that it has: who only needs a new credential knows no other, and the cloud need not be called for it."""

    def answers(self) -> bool:
        """Whether the cloud's API takes a cheap, authorised call now: one try, at most two seconds, never an error."""

    def figures(self, seconds: float, model: str = "") -> Sequence[Figures]:
        """What the platform's own monitor measured in the last ``seconds``, one row for each model and version. Empty
        where the platform has no monitor. Unavailable, Refused."""


class Targets(Protocol):
    """The adapters of every enabled target, built on first use. SpecError names a target that is not enabled, and what
    is missing."""

    def enabled(self) -> Sequence[Target]:
        """Targets in the default region of each enabled cloud whose settings are complete."""

    def defaults(self) -> Sequence[Target]:
        """Those of them that a spec without ``serve`` uses."""

    def get(self, target: Target) -> EndpointTarget: ...
