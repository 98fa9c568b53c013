"""Vertex AI's API by google-api-python-client, with Intermodal's errors and retries, and names within one region."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from intermodal.platform.errors import NotFound, Refused, SpecError
from intermodal.resources.gcp.api import CALL_SECONDS, Json, build, retried

PAGE = 100
ROLE = "roles/aiplatform.user"


@dataclass
class Vertex:
    """The endpoints and models of one project and region. Made anew for each call of an adapter, so that forks and
    threads share nothing.

    A change begins an operation. Its name is returned; it is empty when a concurrent change came first, so that the
    caller looks again: the resource exists or is gone, or another operation runs on it. ``prevented`` is the last
    reason.
    """

    project: str
    region: str
    address: str
    retry_seconds: float
    call_seconds: float = CALL_SECONDS
    prevented: str = field(default="", init=False)
    _locations: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        address = self.address or f"https://{self.region}-aiplatform.googleapis.com"
        self._locations = build("aiplatform", "v1", address, self.call_seconds).projects().locations()

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    def endpoint(self, name: str) -> Json | None:
        call = self._endpoints.get(name=self._endpoint(name))
        return self._found(f"describe Vertex AI endpoint '{name}'", call.execute)

    def endpoints(self) -> list[Json]:
        """None in a project that never enabled the API: a withdrawal asks every target of an enabled cloud."""
        try:
            return self._pages("list Vertex AI endpoints", "endpoints", self._endpoints, parent=self.parent)
        except Refused as error:
            if _is_disabled(error.__cause__):
                return []
            raise

    def probe(self) -> None:
        """The cheapest call, without a retry. Raises Google's own errors."""
        self._endpoints.list(parent=self.parent, pageSize=1).execute()

    def operations(self, name: str) -> list[Json]:
        """The endpoint's operations; none when there is no endpoint."""
        calls = self._endpoints.operations()
        doing = f"list the operations of Vertex AI endpoint '{name}'"
        try:
            return self._pages(doing, "operations", calls, name=self._endpoint(name))
        except NotFound:
            return []

    def operation(self, name: str) -> Json:
        """By its full name, of an endpoint or of a model."""
        parent = self._models if f"{self.parent}/models/" in name else self._endpoints
        call = parent.operations().get(name=name)
        return self._retried(f"read operation '{name}'", call.execute)

    def model(self, model_id: str) -> Json | None:
        call = self._models.get(name=self.model_name(model_id))
        return self._found(f"describe Vertex AI model '{model_id}'", call.execute)

    def models(self, label: str, value: str) -> list[Json]:
        labelled = f'labels.{label}="{value}"'
        return self._pages("list Vertex AI models", "models", self._models, parent=self.parent, filter=labelled)

    def create(self, name: str, body: Json) -> str:
        call = self._endpoints.create(parent=self.parent, endpointId=name, body=body)
        return self._changed(f"create Vertex AI endpoint '{name}'", call.execute)

    def patch(self, name: str, body: Json) -> None:
        """Set the fields of ``body``. ``displayName`` is required in every body."""
        mask = ",".join(key for key in body if key not in ("etag", "displayName"))
        call = self._endpoints.patch(name=self._endpoint(name), updateMask=mask, body=body)
        self._changed(f"update Vertex AI endpoint '{name}'", call.execute)

    def upload(self, model_id: str, body: Json) -> str:
        call = self._models.upload(parent=self.parent, body={"modelId": model_id, "model": body})
        return self._changed(f"upload Vertex AI model '{model_id}'", call.execute)

    def deploy(self, name: str, body: Json) -> str:
        call = self._endpoints.deployModel(endpoint=self._endpoint(name), body=body)
        return self._changed(f"deploy to Vertex AI endpoint '{name}'", call.execute)

    def undeploy(self, name: str, body: Json) -> str:
        call = self._endpoints.undeployModel(endpoint=self._endpoint(name), body=body)
        return self._changed(f"undeploy from Vertex AI endpoint '{name}'", call.execute)

    def delete(self, name: str) -> str:
        call = self._endpoints.delete(name=self._endpoint(name))
        return self._changed(f"delete Vertex AI endpoint '{name}'", call.execute)

    def delete_model(self, full_name: str) -> str:
        call = self._models.delete(name=full_name)
        return self._changed(f"delete Vertex AI model '{full_name}'", call.execute)

    def model_name(self, model_id: str) -> str:
        return f"{self.parent}/models/{model_id}"

    def _endpoint(self, name: str) -> str:
        return f"{self.parent}/endpoints/{name}"

    @property
    def _endpoints(self) -> Any:
        return self._locations.endpoints()

    @property
    def _models(self) -> Any:
        return self._locations.models()

    def _retried(self, doing: str, call: Callable[[], Json]) -> Json:
        return retried(doing, call, self.retry_seconds, ROLE)

    def _found(self, doing: str, call: Callable[[], Json]) -> Json | None:
        try:
            return self._retried(doing, call)
        except NotFound:
            return None

    def _changed(self, doing: str, call: Callable[[], Json]) -> str:
        from googleapiclient.errors import HttpError

        def attempt() -> Json:
            try:
                return call()
            except HttpError as error:
                status = _status(error.content)
                if error.status_code in (404, 409) or status == "FAILED_PRECONDITION":
                    self.prevented = str(error.reason)
                    return {}
                if error.status_code == 400:
                    raise SpecError(
                        f"Google Cloud did not {doing}: {error.reason}", hint="Correct the spec."
                    ) from error
                raise

        return str(self._retried(doing, attempt).get("name", ""))

    def _pages(self, doing: str, key: str, calls: Any, **request: str) -> list[Json]:
        call, found = calls.list(pageSize=PAGE, **request), list[Json]()
        while call is not None:
            page = self._retried(doing, call.execute)
            found += page.get(key, [])
            call = calls.list_next(call, page)
        return found


def _is_disabled(error: BaseException | None) -> bool:
    """https://cloud.google.com/service-usage/docs/reference/rest/v1/ErrorReason"""
    details = getattr(error, "error_details", None)
    return isinstance(details, list) and any(each.get("reason") == "SERVICE_DISABLED" for each in details)


def _status(content: bytes) -> str:
    """The name of Google's error code in an answer, '' when it is no JSON error."""
    try:
        return str(json.loads(content)["error"]["status"])
    except (ValueError, KeyError, TypeError):
        return ""
