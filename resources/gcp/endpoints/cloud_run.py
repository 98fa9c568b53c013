"""Cloud Run as a target (``gcp/cloud-run``): one service for each endpoint."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from intermodal.platform.clouds import Target
from intermodal.platform.endpoints import DeployRequest, Endpoint, Upstream
from intermodal.platform.errors import (
    DeployFailed,
    IntermodalError,
    MissingExtra,
    NotFound,
    Refused,
    SpecError,
    Throttled,
    Unavailable,
)
from intermodal.resources.gcp import identity
from intermodal.resources.gcp.endpoints.services import ATTEMPT, TARGET, endpoint_of, same, service_for, state_of
from intermodal.resources.gcp.errors import translated

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud import run_v2

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
ANSWER_SECONDS = 65
PAGE = 100


class CloudRunTarget(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Serves versions as Cloud Run services, called with an ID token. Fulfils ``ports.EndpointTarget``.

    Credentials are Application Default Credentials; they need roles/run.admin and roles/iam.serviceAccountUser.
    """

    project: str
    region: str
    endpoint: str = ""
    """Address of the Cloud Run Admin API; empty is Google's own."""
    timeout_seconds: float = 600
    """How long ``deploy`` and ``delete`` wait."""
    retry_seconds: float = 10
    """How long a call that is throttled or fails (429, 5xx, no connection) is tried again."""

    @property
    def target(self) -> Target:
        return TARGET

    def deploy(self, request: DeployRequest) -> Endpoint:
        """Compare and correct until the service is as wanted and ready; so a killed deploy is simply continued."""
        wanted, deadline = service_for(request), time.monotonic() + self.timeout_seconds
        client, pause, tried = self._client(), FIRST_PAUSE, False
        while time.monotonic() < deadline:
            current = self._find(client, request.name)
            state, reason = state_of(current) if current else ("absent", "")
            if current is None:
                tried |= self._create(client, request.name, wanted)
            elif state in ("creating", "deleting"):
                tried |= same(current, wanted)
                time.sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
            elif not same(current, wanted):
                tried |= self._replace(client, current, wanted)
            elif state == "ready":
                return endpoint_of(current)
            elif tried:
                raise self._failure(client, current, reason)
            else:  # it failed in an earlier deploy: ask for a new revision of the same
                wanted.template.annotations[ATTEMPT] = uuid.uuid4().hex
                tried |= self._replace(client, current, wanted)
        raise DeployFailed(
            f"Cloud Run service '{request.name}' was not ready within {self.timeout_seconds:.0f} s.",
            hint="It still exists. Deploy again to keep waiting, or look at its logs in Cloud Run.",
        )

    def describe(self, name: str) -> Endpoint | None:
        service = self._find(self._client(), name)
        return endpoint_of(service) if service else None

    def list(self, environment: str, model: str | None = None) -> Sequence[Endpoint]:
        with translated("list Cloud Run services"):
            pages = self._client().list_services(
                request={"parent": self._parent, "page_size": PAGE}, retry=self._retry(), timeout=30
            )
            found = [service for service in pages if service.annotations.get("intermodal-environment") == environment]
        endpoints = (endpoint_of(service) for service in found)
        return [endpoint for endpoint in endpoints if model is None or endpoint.model == model]

    def delete(self, name: str) -> None:
        """A service is all there is: its revisions go with it."""
        client, deadline, pause = self._client(), time.monotonic() + self.timeout_seconds, FIRST_PAUSE
        self._delete(client, name)
        while self._find(client, name) is not None:
            if time.monotonic() > deadline:
                raise Unavailable(f"Cloud Run service '{name}' is still being deleted.", hint="Delete it again later.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def invoke(self, name: str, body: bytes) -> bytes:
        endpoint = self.describe(name)
        if endpoint is None:
            raise NotFound(f"No Cloud Run service '{name}' in {self._parent}.", hint="Deploy it first.")
        from google.auth.transport.requests import AuthorizedSession

        with translated(f"call Cloud Run service '{name}'"):
            with AuthorizedSession(identity.caller(endpoint.url)) as session:  # type: ignore[no-untyped-call]
                headers = {"Content-Type": "application/json"}
                answer = session.post(_infer_url(endpoint), data=body, headers=headers, timeout=ANSWER_SECONDS)
        if answer.status_code == 200:
            return bytes(answer.content)
        raise _answered(name, answer.status_code, answer.text[:500])

    def upstream(self, endpoint: Endpoint) -> Upstream:
        return Upstream("gcp", endpoint.version, _infer_url(endpoint), identity.id_token(endpoint.url))

    @property
    def _parent(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def _client(self) -> run_v2.ServicesClient:
        """REST, wherever it goes: what is tested is what runs. A new one for each call, so that forks share nothing."""
        try:
            from google.cloud import run_v2
        except ImportError as error:
            raise MissingExtra("google-cloud-run", "gcp") from error
        options = {"api_endpoint": self.endpoint} if self.endpoint else {}
        return run_v2.ServicesClient(credentials=identity.credentials(), transport="rest", client_options=options)

    def _retry(self) -> Retry:
        import requests
        from google.api_core import exceptions as google
        from google.api_core.retry import Retry, if_exception_type

        transient = (google.TooManyRequests, google.ServerError, requests.ConnectionError)
        return Retry(if_exception_type(*transient), initial=0.2, maximum=2, timeout=self.retry_seconds)

    def _find(self, client: run_v2.ServicesClient, name: str) -> run_v2.Service | None:
        try:
            with translated(f"look at Cloud Run service '{name}'"):
                return client.get_service(name=self._full(name), retry=self._retry(), timeout=30)
        except NotFound:
            return None

    def _create(self, client: run_v2.ServicesClient, name: str, wanted: run_v2.Service) -> bool:
        return self._change(f"create Cloud Run service '{name}'", client.create_service, {
            "parent": self._parent, "service_id": name, "service": wanted,
        })  # fmt: skip

    def _replace(self, client: run_v2.ServicesClient, current: run_v2.Service, wanted: run_v2.Service) -> bool:
        """Put ``wanted`` in the place of exactly what we saw (its etag)."""
        from google.cloud import run_v2

        service = run_v2.Service(wanted)
        service.name, service.etag = current.name, current.etag
        return self._change(f"update Cloud Run service '{current.name}'", client.update_service, {"service": service})

    def _change(self, doing: str, call: Any, request: dict[str, Any]) -> bool:
        """False when somebody else was quicker; then look again."""
        from google.api_core.exceptions import Conflict, InvalidArgument  # fmt: skip
        from google.api_core.exceptions import NotFound as Gone

        with translated(doing):
            try:
                call(request=request, retry=self._retry(), timeout=30)
            except (Conflict, Gone):
                return False
            except InvalidArgument as error:
                raise SpecError(f"Google Cloud did not {doing}: {error.message}", hint="Correct the spec.") from error
        return True

    def _delete(self, client: run_v2.ServicesClient, name: str, etag: str = "") -> None:
        from google.api_core.exceptions import Conflict

        try:
            with translated(f"delete Cloud Run service '{name}'"):
                request = {"name": self._full(name), "etag": etag}
                client.delete_service(request=request, retry=self._retry(), timeout=30)
        except NotFound:
            return
        except IntermodalError as error:
            if not isinstance(error.__cause__, Conflict):
                raise

    def _failure(self, client: run_v2.ServicesClient, service: run_v2.Service, reason: str) -> DeployFailed:
        """The cloud's reason. A service that never served is deleted, unless somebody changed it meanwhile."""
        name = service.name.rsplit("/", 1)[1]
        if service.latest_ready_revision:
            return DeployFailed(
                f"Cloud Run service '{name}' could not be updated: {reason}",
                hint="The revision before it keeps serving. Correct what the reason names and deploy again.",
            )
        self._delete(client, name, service.etag)
        return DeployFailed(
            f"Cloud Run service '{name}' did not become ready: {reason}",
            hint="It was deleted again. Correct what the reason names (image, artifacts, start-up) and deploy again.",
        )

    def _full(self, name: str) -> str:
        return f"{self._parent}/services/{name}"


def _infer_url(endpoint: Endpoint) -> str:
    return f"{endpoint.url.rstrip('/')}/v2/models/{endpoint.model}/infer"


def _answered(name: str, status: int, text: str) -> IntermodalError:
    message = f"Cloud Run service '{name}' answered {status}: {text}"
    if status in (401, 403):
        return Refused(message, hint="Give this identity roles/run.invoker on the service.")
    if status == 429:
        return Throttled(message, hint="Deploy more replicas, or send less.")
    if status >= 500:
        return Unavailable(message, hint=f"Look at the logs of '{name}' in Cloud Run.")
    return IntermodalError(message, hint="Correct the request.")
