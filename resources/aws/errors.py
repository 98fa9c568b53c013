"""boto3's exceptions as Intermodal's errors. The mapping is data: the first rule that fits counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intermodal.platform.errors import (
    IntermodalError,
    MissingExtra,
    NotFound,
    Refused,
    SpecError,
    Throttled,
    Unavailable,
)
from intermodal.resources.aws.identity import HINT

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


class Busy(IntermodalError):
    """Another call was first: the resource exists, or a change of it is under way."""


class Rejected(IntermodalError):
    """The cloud understands the request and rejects it."""


@dataclass(frozen=True)
class Rule:
    """An error response fits by its HTTP status, the beginning of its code, or a part of its message."""

    error: type[IntermodalError]
    hint: str
    statuses: Collection[int] = ()
    codes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def fits(self, status: int, code: str, message: str) -> bool:
        return status in self.statuses or code.startswith(self.codes) or any(part in message for part in self.parts)


RESPONSES = (
    Rule(
        Throttled,
        "Wait a minute, then try again; or raise the quota.",
        statuses=(429,),
        codes=("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "ModelNotReady"),
    ),
    Rule(
        Refused,
        "Check the credentials (aws sts get-caller-identity) and this identity's policy.",
        statuses=(401, 403),
        codes=(
            *("AccessDenied", "UnrecognizedClient", "InvalidSignature", "SignatureDoesNotMatch", "ExpiredToken"),
            *("MissingAuthenticationToken", "InvalidClientTokenId", "IncompleteSignature", "OptInRequired"),
            "NotAuthorized",
        ),
    ),
    Rule(Unavailable, "Try again; see https://health.aws.amazon.com.", statuses={*range(500, 600)} - {501}),
    Rule(
        Busy,
        "Wait until that change has ended.",
        codes=("ResourceConflict", "PreconditionFailed"),
        parts=("already existing", "in-progress"),
    ),
    Rule(
        NotFound,
        "Check the name and the region.",
        codes=("ResourceNotFound",),
        parts=("Could not find", "not found"),
    ),
    Rule(
        Rejected,
        "Check role_arn, and let sagemaker.amazonaws.com assume that role (its trust policy).",
        parts=("Could not assume role",),
    ),
    Rule(
        Rejected,
        "Check role_arn, and let lambda.amazonaws.com assume that role (its trust policy).",
        parts=("cannot be assumed by Lambda",),
    ),
    Rule(
        Rejected,
        "Raise this quota in Service Quotas (Amazon SageMaker), or choose another instance_type.",
        codes=("ResourceLimitExceeded",),
        parts=("ResourceLimitExceeded",),
    ),
)
FALLBACK = Rule(Rejected, "Correct what the message names.")
EXCEPTIONS: tuple[tuple[tuple[str, ...], type[IntermodalError], str], ...] = (
    (("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"), Refused, HINT),
    (("ParamValidationError",), Rejected, "Correct what the message names."),
    (("HTTPClientError", "ConnectionError"), Unavailable, "Check the network and AWS_ENDPOINT_URL."),
    (("BotoCoreError",), IntermodalError, "Check the region and AWS's settings."),
)
"""Exceptions without a response, by the names of their classes: boto3 is imported only when it is used."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Intermodal's error for boto3's. ``doing`` names the call in its text: ``create endpoint 'x'``."""
    try:
        from botocore import exceptions
    except ImportError as error:
        raise MissingExtra("boto3", "aws") from error
    try:
        yield
    except exceptions.ClientError as error:
        raise _from_response(doing, error) from error
    except exceptions.BotoCoreError as error:
        bases = {base.__name__ for base in type(error).__mro__}
        raise next(
            kind(f"Could not {doing}: {error}", hint=hint)
            for names, kind, hint in EXCEPTIONS
            if not bases.isdisjoint(names)
        ) from error


def _from_response(doing: str, error: ClientError) -> IntermodalError:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ModelError":
        return _from_container(doing, error)
    rule = next((rule for rule in RESPONSES if rule.fits(status, code, message)), FALLBACK)
    return rule.error(f"Could not {doing}: {message or code} ({code})", hint=rule.hint)


def _from_container(doing: str, error: ClientError) -> IntermodalError:
    """SageMaker wraps every response of a container that is not 2xx: two members have the original."""
    status, message = int(error.response.get("OriginalStatusCode", 0)), error.response.get("OriginalMessage", "")
    if 400 <= status < 500:
        return SpecError(f"The model rejects the request ({status}): {message}", hint="Correct the body.")
    hint = f"See the container's log: {error.response.get('LogStreamArn', '')}"
    return Unavailable(f"Could not {doing}: the container answered {status}: {message}", hint=hint)
