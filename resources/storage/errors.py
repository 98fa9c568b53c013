"""What obstore raises, as the errors that people read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from intermodal.platform.errors import IntermodalError, NotFound, Refused, Throttled, Unavailable

# obstore keeps the HTTP answer only as text: "... non-2xx status code: 503 Service Unavailable: <body>".
STATUS = re.compile(r"status code: (\d{3})|\(code: (\d{3})\)")
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist", "container does not exist")
SLOW_DOWN = ("SlowDown", "ServerBusy", "RequestLimitExceeded", "rateLimitExceeded", "TooManyRequests")
DENIED = ("PermissionDeniedError", "UnauthenticatedError")
# A credential provider that could not ask: google-auth's, azure-core's and botocore's words for it.
NOT_ASKED = ("TransportError(", "ServiceRequestError(", "EndpointConnectionError(", "ConnectTimeoutError(")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise obstore's errors as ours. ``place`` names the store and the setting that chooses it."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a file on this machine, not an object
        raise _translate(error, place) from error


def is_missing_bucket(error: Exception) -> bool:
    return any(word in str(error) for word in NO_BUCKET)


def _translate(error: Exception, place: str) -> IntermodalError:
    text = str(error)
    match = STATUS.search(text)
    status = int(match[1] or match[2]) if match else 0
    said = _sentence(text)
    if is_missing_bucket(error):
        return NotFound(f"There is no {place}.", hint="Create it (terraform does), or correct that setting.")
    if any(word in text for word in NOT_ASKED):
        return Unavailable(
            f"Nobody gives credentials for {place}: {said}", hint="Run again when it answers: it resumes."
        )
    if status in (401, 403) or type(error).__name__ in DENIED:
        return Refused(f"Access to {place} was refused: {said}", hint="Check its credentials and their permissions.")
    if status == 404 or isinstance(error, FileNotFoundError):
        return NotFound(f"Not found in {place}: {said}", hint="List what is there, or check the key.")
    if status == 429 or (status == 503 and any(word in text for word in SLOW_DOWN)):
        return Throttled(
            f"The {place} asks to slow down: {said}", hint="Run again later, or raise the account's limits."
        )
    if not status and "Error performing" not in text:
        return IntermodalError(f"The {place} cannot be used: {said}", hint="Correct its settings or credentials.")
    return Unavailable(f"The {place} does not answer: {said}", hint="Check its address, then run again: it resumes.")


def _sentence(text: str) -> str:
    """The first line, without the library's debug dump and without a query (which may hold a signature)."""
    first = re.split(r"\n|Debug source", text, maxsplit=1)[0].strip()
    return re.sub(r"\?[^\s)]*", "", first)[:300]
