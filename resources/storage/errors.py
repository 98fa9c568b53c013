"""obstore's exceptions as Intermodal's errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable

# obstore has the HTTP response only as text: "... non-2xx status code: 503 Service Unavailable: <body>".
STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist", "container does not exist")
SLOW_DOWN = ("SlowDown", "ServerBusy", "RequestLimitExceeded", "rateLimitExceeded", "TooManyRequests")
DENIED = ("PermissionDeniedError", "UnauthenticatedError")
NO_CREDENTIALS = ("TransportError(", "ServiceRequestError(", "EndpointConnectionError(", "ConnectTimeoutError(")
"""In the text when a credential provider (google-auth, azure-core, botocore) has no answer from its server."""


@contextmanager
def translated(store: str) -> Iterator[None]:
    """Raise Intermodal's error for obstore's. ``store`` names the store and the setting that chooses it."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a file on this machine, not an object
        raise _translate(error, store) from error


def is_missing_bucket(error: Exception) -> bool:
    return any(part in str(error) for part in NO_BUCKET)


def _translate(error: Exception, store: str) -> IntermodalError:
    text = str(error)
    found = STATUS.search(text)
    status = int(found[1] or found[2]) if found else 0
    kind, message, hint = _template(error, text, status)
    return kind(message.format(store=store, reason=_sentence(text)), hint=hint)


def _template(error: Exception, text: str, status: int) -> tuple[type[IntermodalError], str, str]:
    """Class, text and hint."""
    if is_missing_bucket(error):
        return NotFound, "There is no {store}.", "Create it (terraform does), or correct that setting."
    if any(part in text for part in NO_CREDENTIALS):
        return Unavailable, "There are no credentials for {store}: {reason}", "Run again later: it resumes."
    if status in (401, 403) or type(error).__name__ in DENIED:
        return Refused, "Access to {store} was refused: {reason}", "Check its credentials and their permissions."
    if status == 404 or isinstance(error, FileNotFoundError):
        return NotFound, "Not found in {store}: {reason}", "List what there is, or check the key."
    if status == 429 or (status == 503 and any(part in text for part in SLOW_DOWN)):
        return Throttled, "The {store} throttles: {reason}", "Run again later, or raise the account's limits."
    if not status and "Error performing" not in text:
        return IntermodalError, "The {store} cannot be used: {reason}", "Correct its settings or credentials."
    return Unavailable, "The {store} does not answer: {reason}", "Check its address, then run again: it resumes."


def _sentence(text: str) -> str:
    """The first line, without obstore's debug output and without a query, which may contain a signature."""
    first = re.split(r"\n|Debug source", text, maxsplit=1)[0].strip()
    return re.sub(r"\?[^\s)]*", "", first)[:300]
