"""Azure's exceptions as ours, each with what to do next."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from intermodal.platform.errors import IntermodalError, MissingExtra, NotFound, Refused, Throttled, Unavailable

ROLES = "Give this identity the role AzureML Data Scientist in the workspace, or check AZURE_CLIENT_ID and its secret."
RETRY = "Run it again: what is done is kept. See https://status.azure.com if it lasts."
NO_ANSWER = re.compile(
    r"Failed to establish|Connection (refused|reset|aborted)|timed out|Max retries|RemoteDisconnected"
)
TRANSIENT = re.compile(r"temporarily_unavailable|AADSTS900(33|55)|\b50[0234]\b")


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Refused, Throttled, Unavailable, NotFound or IntermodalError for what the SDK raises inside.

    ``doing`` names the call for people: ``describe endpoint 'x'``.
    """
    try:
        from azure.core import exceptions as azure
    except ImportError as error:
        raise MissingExtra("azure-mgmt-machinelearningservices", "azure") from error
    try:
        yield
    except (azure.ServiceRequestError, azure.ServiceResponseError) as error:
        raise Unavailable(f"Could not {doing}: Azure does not answer: {error}", hint=RETRY) from error
    except azure.HttpResponseError as error:
        raise of_answer(doing, error.status_code, reason_of(error)) from error


def of_answer(doing: str, status: int | None, reason: str) -> IntermodalError:
    """The error for an HTTP status. Without one, azure-identity gave up, and only its words tell why."""
    if status is None:
        status = 503 if NO_ANSWER.search(reason) or TRANSIENT.search(reason) else 401
        status = 429 if "AADSTS90055" in reason else status
    if status in (401, 403):
        return Refused(f"Azure refused to {doing}: {reason}", hint=ROLES)
    if status == 404:
        return NotFound(f"Could not {doing}: {reason}", hint="Check subscription, resource group, workspace and name.")
    if status == 429:
        return Throttled(f"Azure throttled: {doing}: {reason}", hint="Wait a minute, then run it again.")
    if status >= 500:
        return Unavailable(f"Could not {doing}: {status} {reason}", hint=RETRY)
    return IntermodalError(f"Azure did not {doing}: {status} {reason}", hint="Correct what it names.")


def reason_of(error: Any) -> str:
    """The cloud's own sentence, without the SDK's framing."""
    inner = getattr(error, "error", None)
    return str(getattr(inner, "message", None) or error.message).strip()
