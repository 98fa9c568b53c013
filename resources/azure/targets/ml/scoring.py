"""Calling an endpoint at its scoring address, with a key."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.resources.azure.errors import from_response
from intermodal.resources.azure.identity import CALL_LIMITS
from intermodal.resources.azure.targets.ml.workspace import RETRIES

if TYPE_CHECKING:
    from azure.core.rest import HttpResponse

SCORE_SECONDS = 65
MODEL_STATUS = "ms-azureml-model-error-statuscode"
"""Azure ML answers 424 when the model does not answer 200, with the model's own status in this header.
Source: https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints"""


class Scoring:
    """azure-core's own pipeline (retries, proxies, CA bundle); the callers translate its errors."""

    @cached_property
    def _client(self) -> Any:
        from azure.core import PipelineClient
        from azure.core.pipeline.policies import RetryPolicy

        return PipelineClient("https://", policies=[RetryPolicy(**RETRIES)], **CALL_LIMITS)

    def score(self, doing: str, url: str, key: str, body: bytes) -> bytes:
        """The model's response. SpecError when it refuses the body, else the error for Azure's status."""
        from azure.core.rest import HttpRequest

        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = HttpRequest("POST", url, content=body, headers=headers)
        answer: HttpResponse = self._client.send_request(request, read_timeout=SCORE_SECONDS)
        if answer.status_code != 200:
            raise _refusal(doing, answer)
        return answer.content


def _refusal(doing: str, answer: HttpResponse) -> IntermodalError:
    """SpecError for a model's own 4xx, which is the caller's mistake; else the error for Azure's status."""
    text = answer.text()[:500]
    status = int(answer.headers.get(MODEL_STATUS, answer.status_code))
    if answer.status_code == 424 and 400 <= status < 500:
        return SpecError(f"The model refused the request ({status}): {text}", hint="Correct the field that it names.")
    return from_response(doing, status, text)
