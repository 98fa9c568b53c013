"""Google's exceptions as Intermodal's errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from intermodal.platform.errors import IntermodalError, MissingExtra, NotFound, Refused, Throttled, Unavailable
from intermodal.resources.error_templates import Templates, from_status

RESPONSES: Templates = {
    Refused: (
        "Google Cloud refused to {doing}: {reason}",
        "Give this identity roles/run.admin (and roles/iam.serviceAccountUser) in the project.",
    ),
    Throttled: ("Google Cloud throttled: {doing}: {reason}", "Wait a minute, then retry."),
    NotFound: ("Could not {doing}: {reason}", "Check project, region and name."),
    Unavailable: ("Could not {doing}: {reason}", "Try again; see status.cloud.google.com."),
    IntermodalError: ("Google Cloud did not {doing}: {reason}", "Correct the request."),
}


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Refused, Throttled, Unavailable, NotFound or IntermodalError for the SDK's exceptions.

    ``doing`` names the call in the text: ``create Cloud Run service 'x'``.
    """
    try:
        import requests
        from google.api_core import exceptions as google
        from google.auth import exceptions as auth
    except ImportError as error:
        raise MissingExtra("google-cloud-run", "gcp") from error
    try:
        yield
    except google.RetryError as error:
        cause = error.cause
        if not isinstance(cause, Exception):
            raise Unavailable(f"Could not {doing}: {error}", hint="Try again.") from error
        with translated(doing):
            raise cause from error
    except google.GoogleAPICallError as error:
        status = int(error.code or (500 if isinstance(error, google.ServerError) else 0))
        raise from_status(status, RESPONSES, doing=doing, reason=error.message) from error
    except auth.RefreshError as error:
        if error.retryable:
            raise Unavailable(
                f"Could not {doing}: Google's token endpoint fails: {error}", hint="Try again."
            ) from error
        raise Refused(f"Could not {doing}: no access token: {error}", hint="Check the service-account file.") from error
    except (
        auth.TransportError,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,  # an incomplete response; requests has it as no ConnectionError
    ) as error:
        raise Unavailable(f"Could not {doing}: no answer from Google Cloud.", hint="Check the network.") from error
