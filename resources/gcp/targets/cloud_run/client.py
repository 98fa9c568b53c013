"""Google's Cloud Run client, with our errors, retries and names."""

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
    """The services of one project and region. A new one for each call of an adapter, so that forks share nothing.

    REST wherever it goes: what is tested is what runs. ``endpoint`` is empty for Google's own address; throttled and
    failing calls are tried again for ``retry_seconds``.
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
            with translated(f"look at Cloud Run service '{name}'"):
                return self._client.get_service(name=self._full(name), **self._how())
        except NotFound:
            return None

    def list(self) -> Iterable[run_v2.Service]:
        with translated("list Cloud Run services"):
            return list(self._client.list_services(request={"parent": self.parent, "page_size": PAGE}, **self._how()))

    def ask(self, seconds: float) -> None:
        """The cheapest call that there is: once, and with Google's own error."""
        self._client.list_services(request={"parent": self.parent, "page_size": 1}, retry=None, timeout=seconds)

    def create(self, name: str, wanted: run_v2.Service) -> bool:
        """False when it exists already."""
        request = {"parent": self.parent, "service_id": name, "service": wanted}
        with _change(f"create Cloud Run service '{name}'") as outcome:
            self._client.create_service(request=request, **self._how())
        return outcome.taken

    def replace(self, current: run_v2.Service, wanted: run_v2.Service) -> bool:
        """Put ``wanted`` in the place of exactly what was seen; False when somebody else was quicker."""
        from google.cloud import run_v2

        service = run_v2.Service(wanted)
        service.name, service.etag = current.name, current.etag
        with _change(f"update Cloud Run service '{current.name}'") as outcome:
            self._client.update_service(request={"service": service}, **self._how())
        return outcome.taken

    def delete(self, name: str, etag: str = "") -> bool:
        """False when it is not there, or no longer what ``etag`` says."""
        with _change(f"delete Cloud Run service '{name}'") as outcome:
            self._client.delete_service(request={"name": self._full(name), "etag": etag}, **self._how())
        return outcome.taken

    def _full(self, name: str) -> str:
        return f"{self.parent}/services/{name}"

    def _how(self) -> dict[str, Any]:
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
    """A change that somebody else may have made impossible, which the caller must look at again."""
    from google.api_core.exceptions import BadRequest, Conflict, NotFound

    outcome = _Outcome()
    with translated(doing):
        try:
            yield outcome
        except (Conflict, NotFound):
            outcome.taken = False
        except BadRequest as error:
            raise SpecError(f"Google Cloud did not {doing}: {error.message}", hint="Correct the spec.") from error
