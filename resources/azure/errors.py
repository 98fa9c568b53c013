"""Azure's exceptions as Intermodal's errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from intermodal.platform.errors import IntermodalError, MissingExtra, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.error_templates import Templates, from_status

RETRY = "Run it again: what is done is kept. See https://status.azure.com if it lasts."
NO_ANSWER = re.compile(
    r"Failed to establish|Connection (refused|reset|aborted)|timed out|Max retries|RemoteDisconnected"
)
TRANSIENT = re.compile(r"temporarily_unavailable|AADSTS900(33|55)|\b50[0234]\b")
RESPONSES: Templates = {
    Refused: (
        "Azure refused to {doing}: {reason}",
        "Give this identity the role AzureML Data Scientist in the workspace (azure/functions: Website Contributor in "
        "the resource group), or check AZURE_CLIENT_ID and its secret.",
    ),
    NotFound: ("Could not {doing}: {reason}", "Check subscription, resource group, workspace and name."),
    Throttled: ("Azure throttled: {doing}: {reason}", "Wait a minute, then run it again."),
    Unavailable: ("Could not {doing}: {status} {reason}", RETRY),
    IntermodalError: ("Azure did not {doing}: {status} {reason}", "Correct what it names."),
}


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Refused, Throttled, Unavailable, NotFound or IntermodalError for the SDK's exceptions.

    ``doing`` names the call in the text: ``describe endpoint 'x'``.
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
        raise from_response(doing, error.status_code, reason_of(error)) from error


def from_response(doing: str, status: int | None, reason: str) -> IntermodalError:
    """The error for an HTTP status. Without one, azure-identity gave up, and only its text has the cause."""
    if status is None:
        status = 503 if NO_ANSWER.search(reason) or TRANSIENT.search(reason) else 401
        status = 429 if "AADSTS90055" in reason else status
    return from_status(status, RESPONSES, doing=doing, status=status, reason=reason)


def reason_of(error: Any) -> str:
    """The cloud's own message, without the SDK's text around it."""
    inner = getattr(error, "error", None)
    return str(getattr(inner, "message", None) or error.message).strip()
