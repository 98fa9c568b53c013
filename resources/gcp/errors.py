"""Google's exceptions as ours, each with what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager

from intermodal.platform.errors import IntermodalError, MissingExtra, NotFound, Refused, Throttled, Unavailable


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise Refused, Throttled, Unavailable, NotFound or IntermodalError for what the SDK raises inside.

    ``doing`` names the call for people: ``create Cloud Run service 'x'``.
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
    except (google.Unauthorized, google.Forbidden) as error:
        raise Refused(
            f"Google Cloud refused to {doing}: {error.message}",
            hint="Give this identity roles/run.admin (and roles/iam.serviceAccountUser) in the project.",
        ) from error
    except google.TooManyRequests as error:
        raise Throttled(
            f"Google Cloud throttled: {doing}: {error.message}", hint="Wait a minute, then retry."
        ) from error
    except google.NotFound as error:
        raise NotFound(f"Could not {doing}: {error.message}", hint="Check project, region and name.") from error
    except google.ServerError as error:
        raise Unavailable(
            f"Could not {doing}: {error.message}", hint="Try again; see status.cloud.google.com."
        ) from error
    except google.GoogleAPICallError as error:
        raise IntermodalError(f"Google Cloud did not {doing}: {error.message}", hint="Correct the request.") from error
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
        requests.exceptions.ChunkedEncodingError,  # cut off in the middle of an answer: no ConnectionError to requests
    ) as error:
        raise Unavailable(f"Could not {doing}: no answer from Google Cloud.", hint="Check the network.") from error
