"""Requests to a function app at its host name: its readiness, and predictions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import SpecError
from intermodal.resources.azure.errors import from_response
from intermodal.resources.azure.identity import CALL_LIMITS
from intermodal.resources.azure.targets.functions.documents import PREDICT_PATH, READY_PATH
from intermodal.resources.azure.targets.ml.workspace import RETRIES

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

KEY_HEADER = "x-functions-key"
"""https://learn.microsoft.com/azure/azure-functions/function-keys-how-to"""
ANSWER_SECONDS, READY_SECONDS = 65, 5


class Front:
    """azure-core's own pipeline. ``address`` is a template in which ``{host}`` is the app's host name."""

    def __init__(self, address: str) -> None:
        self._address = address

    def url(self, host: str, path: str = PREDICT_PATH) -> str:
        return f"{self._address.format(host=host)}{path}"

    @cached_property
    def _client(self) -> Any:
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import RetryPolicy

        return PipelineClient("https://", policies=[RetryPolicy(**RETRIES)], **CALL_LIMITS)

    def is_ready(self, host: str) -> bool:
        """Whether the container answers. No answer is no error: it starts with the first request."""
        from azure.core.exceptions import ServiceRequestError, ServiceResponseError
        from azure.core.rest import HttpRequest

        request = HttpRequest("GET", self.url(host, READY_PATH))
        try:
            answer = self._client.send_request(request, read_timeout=READY_SECONDS, retry_total=0)
        except (ServiceRequestError, ServiceResponseError):
            return False
        return bool(answer.status_code == 200)

    def predict(self, doing: str, host: str, key: str, body: bytes) -> bytes:
        """The model's response. SpecError when the model refuses the body, else the error for the status."""
        from azure.core.rest import HttpRequest

        headers = {KEY_HEADER: key, "Content-Type": "application/json"}
        request = HttpRequest("POST", self.url(host), content=body, headers=headers)
        answer: HttpResponse = self._client.send_request(request, read_timeout=ANSWER_SECONDS)
        if answer.status_code in (400, 422):
            raise SpecError(f"The model refused the request: {answer.text()[:500]}", hint="Correct what it names.")
        if answer.status_code != 200:
            raise from_response(doing, answer.status_code, answer.text()[:500])
        return answer.content
