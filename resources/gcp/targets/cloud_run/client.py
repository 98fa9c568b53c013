"""Google's Cloud Run client, with Intermodal's errors and retries, and names within one region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import MissingExtra, NotFound, SpecError
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.errors import translated

if TYPE_CHECKING:
    from google.cloud import run_v2

CALL_SECONDS = 30
PAGE = 100


@dataclass
class Services:
    """The services of one project and region. Made anew for each call of an adapter, so that forks share nothing.

    The transport is REST, also in production, so that the tests cover what runs. ``endpoint`` is empty for Google's own
    address; throttled and failing calls are retried for ``retry_seconds``.
    """

    project: str
    region: str
    endpoint: str
    retry_seconds: float
    _client: run_v2.ServicesClient = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            from google.cloud import run_v2
        except ImportError as error:
            raise MissingExtra("google-cloud-run", "gcp") from error
        options = {"api_endpoint": self.endpoint} if self.endpoint else {}
        self._client = run_v2.ServicesClient(
            credentials=identity.credentials(), transport="rest", client_options=options
        )

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def find(self, name: str) -> run_v2.Service | None:
        try:
            with translated(f"describe Cloud Run service '{name}'"):
                return self._client.get_service(name=self._full(name), **self._call_options())
        except NotFound:
            return None

    def list(self) -> Iterable[run_v2.Service]:
        with translated("list Cloud Run services"):
            return list(
                self._client.list_services(request={"parent": self.parent, "page_size": PAGE}, **self._call_options())
            )

    def probe(self, seconds: float) -> None:
        """The cheapest call, without a retry. Raises Google's own errors."""
        self._client.list_services(request={"parent": self.parent, "page_size": 1}, retry=None, timeout=seconds)

    def create(self, name: str, desired: run_v2.Service) -> bool:
        """False when it exists already."""
        request = {"parent": self.parent, "service_id": name, "service": desired}
        with _change(f"create Cloud Run service '{name}'") as outcome:
            self._client.create_service(request=request, **self._call_options())
        return outcome.taken

    def replace(self, current: run_v2.Service, desired: run_v2.Service) -> bool:
        """Replace exactly ``current``, by its etag; False when it was changed meanwhile."""
        from google.cloud import run_v2

        service = run_v2.Service(desired)
        service.name, service.etag = current.name, current.etag
        with _change(f"update Cloud Run service '{current.name}'") as outcome:
            self._client.update_service(request={"service": service}, **self._call_options())
        return outcome.taken

    def delete(self, name: str, etag: str = "") -> bool:
        """False when it does not exist, or its etag is another."""
        with _change(f"delete Cloud Run service '{name}'") as outcome:
            self._client.delete_service(request={"name": self._full(name), "etag": etag}, **self._call_options())
        return outcome.taken

    def _full(self, name: str) -> str:
        return f"{self.parent}/services/{name}"

    def _call_options(self) -> dict[str, Any]:
        import requests
        from google.api_core import exceptions as google
        from google.api_core.retry import Retry, if_exception_type

        transient = if_exception_type(google.TooManyRequests, google.ServerError, requests.ConnectionError)
        return {"retry": Retry(transient, initial=0.2, maximum=2, timeout=self.retry_seconds), "timeout": CALL_SECONDS}


@dataclass
class _Outcome:
    taken: bool = True


@contextmanager
def _change(doing: str) -> Iterator[_Outcome]:
    """A change that a concurrent one may prevent. The outcome says so, and the caller compares again."""
    from google.api_core.exceptions import BadRequest, Conflict, NotFound

    outcome = _Outcome()
    with translated(doing):
        try:
            yield outcome
        except (Conflict, NotFound):
            outcome.taken = False
        except BadRequest as error:
            raise SpecError(f"Google Cloud did not {doing}: {error.message}", hint="Correct the spec.") from error
