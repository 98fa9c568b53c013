"""Google's APIs by google-api-python-client, which ships their discovery documents, with Intermodal's errors."""

from collections.abc import Callable
from typing import Any

from intermodal.platform.errors import MissingExtra, Refused
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.errors import translated

CALL_SECONDS = 30
Json = dict[str, Any]


def build(name: str, version: str, endpoint: str, seconds: float = CALL_SECONDS) -> Any:
    """A client of one API over REST. ``endpoint`` is empty for the document's own address, ``seconds`` the limit of one
    call. Its connections are its own: make one for each thread and process."""
    try:
        import httplib2  # type: ignore[import-untyped]
        from google_auth_httplib2 import AuthorizedHttp  # type: ignore[import-untyped]
        from googleapiclient import discovery
    except ImportError as error:
        raise MissingExtra("google-api-python-client", "gcp") from error
    http = AuthorizedHttp(identity.self_signed(), http=httplib2.Http(timeout=seconds))
    options = {"api_endpoint": endpoint} if endpoint else {}
    return discovery.build(
        name, version, http=http, static_discovery=True, cache_discovery=False, client_options=options
    )


def retried(doing: str, call: Callable[[], Json], seconds: float, role: str) -> Json:
    """The call's answer; throttled and failing calls are repeated for ``seconds``. Refused names the ``role`` that the
    identity needs."""
    from google.api_core import exceptions as google
    from google.api_core.retry import Retry, if_exception_type

    transient = if_exception_type(google.TooManyRequests, google.ServerError)
    retry = Retry(transient, initial=0.2, maximum=2, timeout=seconds)
    with translated(doing):
        answer: Json = retry(_once)(doing, call, role)
    return answer


def _once(doing: str, call: Callable[[], Json], role: str) -> Json:
    """One attempt. Its failure is one of google-api-core, as ``translated`` and ``Retry`` need it."""
    import httplib2
    from google.api_core import exceptions as google
    from googleapiclient.errors import HttpError

    try:
        return call()
    except HttpError as error:
        if error.status_code in (401, 403):
            raise Refused(
                f"Google Cloud refused to {doing}: {error.reason}", hint=f"Give this identity {role} in the project."
            ) from error
        reason = error.reason or "no reason given"
        raise google.from_http_status(error.status_code, reason) from error  # type: ignore[no-untyped-call]
    except (OSError, httplib2.HttpLib2Error) as error:
        raise google.ServiceUnavailable(f"no answer ({error})") from error  # type: ignore[no-untyped-call]
