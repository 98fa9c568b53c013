"""boto3's exceptions as ours, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

THROTTLED = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "ModelNotReady")
REFUSED = (
    *("AccessDenied", "UnrecognizedClient", "InvalidSignature", "SignatureDoesNotMatch", "MissingAuthenticationToken"),
    *("ExpiredToken", "InvalidClientTokenId", "IncompleteSignature", "OptInRequired", "NotAuthorized"),
)
ADVICE = {
    "Could not assume role": "Check role_arn, and let sagemaker.amazonaws.com assume that role (its trust policy).",
    "ResourceLimitExceeded": "Raise this quota in Service Quotas (Amazon SageMaker), or choose another instance_type.",
}


class Busy(IntermodalError):
    """Somebody else was first: it exists already, or a change is under way."""


class Rejected(IntermodalError):
    """The cloud understands the request and does not take it."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise our error for what boto3 raises inside. ``doing`` names the call for people: ``create endpoint 'x'``."""
    try:
        from botocore import exceptions as aws
    except ImportError as error:
        raise MissingExtra("boto3", "aws") from error
    try:
        yield
    except aws.ClientError as error:
        raise _ours(doing, error) from error
    except (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError) as error:
        raise Refused(f"Could not {doing}: {error}", hint=HINT) from error
    except aws.ParamValidationError as error:
        raise Rejected(f"Could not {doing}: {error}", hint="Correct what the message names.") from error
    except (aws.HTTPClientError, aws.ConnectionError) as error:
        raise Unavailable(f"Could not {doing}: {error}", hint="Check the network and AWS_ENDPOINT_URL.") from error
    except aws.BotoCoreError as error:
        raise IntermodalError(f"Could not {doing}: {error}", hint="Check the region and AWS's settings.") from error


def _ours(doing: str, error: ClientError) -> IntermodalError:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"Could not {doing}: {message or code} ({code})"
    if code == "ModelError":
        return _from_container(doing, error)
    if code.startswith(THROTTLED) or status == 429:
        return Throttled(text, hint="Wait a minute, then try again; or raise the quota.")
    if code.startswith(REFUSED) or status in (401, 403):
        return Refused(text, hint="Check the credentials (aws sts get-caller-identity) and this identity's policy.")
    if status >= 500 and status != 501:
        return Unavailable(text, hint="Try again; see https://health.aws.amazon.com.")
    if "already existing" in message or "in-progress" in message:
        return Busy(text, hint="Wait until it has settled.")
    if "Could not find" in message or "not found" in message or code == "ResourceNotFound":
        return NotFound(text, hint="Check the name and the region.")
    hints = (hint for part, hint in ADVICE.items() if part in message or part == code)
    return Rejected(text, hint=next(hints, "Correct what the message names."))


def _from_container(doing: str, error: ClientError) -> IntermodalError:
    """SageMaker wraps whatever a container answers beyond 2xx: the original is in two members of its own."""
    status, message = int(error.response.get("OriginalStatusCode", 0)), error.response.get("OriginalMessage", "")
    if 400 <= status < 500:
        return SpecError(f"The model does not take this ({status}): {message}", hint="Correct the body.")
    hint = f"See the container's log: {error.response.get('LogStreamArn', '')}"
    return Unavailable(f"Could not {doing}: the container answered {status}: {message}", hint=hint)
