"""HTTP calls to an API server by the official client's configuration: TLS, credentials and proxies are its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_before_delay, wait_exponential_jitter

from intermodal.platform.errors import IntermodalError, MissingExtra, SpecError, Throttled, Unavailable
from intermodal.resources.kubernetes.errors import Busy, from_answer, no_answer
from intermodal.resources.kubernetes.manifests.options import Json

CALL_SECONDS = 30.0
EXTRA = "kubernetes"
Query = Mapping[str, str | int]


@dataclass
class Connection:
    """``configure`` gives a ``kubernetes.client.Configuration``, with a hook where credentials are short-lived.

    A call that is throttled or fails is repeated for ``retry_seconds``: every one of ours may be made twice.
    """

    configure: Callable[[], Any] = field(repr=False)
    retry_seconds: float = 20
    call_seconds: float = CALL_SECONDS

    def call(
        self,
        doing: str,
        method: str,
        path: str,
        query: Query | None = None,
        body: Json | None = None,
        content: str = "",
    ) -> Json:
        """The answer's document. ``content`` is the body's type where it is not JSON. Unavailable for an answer that is
        none of the API server's, such as a proxy's page."""
        return _document(self.read(doing, method, path, query, body, content), doing)

    def read(
        self,
        doing: str,
        method: str,
        path: str,
        query: Query | None = None,
        body: Json | None = None,
        content: str = "",
    ) -> bytes:
        answer: bytes = self._attempts()(self._once, doing, method, path, query, body, content)
        return answer

    def _attempts(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type((Throttled, Unavailable, Busy)),
            wait=_pause,
            stop=stop_before_delay(self.retry_seconds),
            reraise=True,
        )

    def lines(self, doing: str, path: str, query: Query, seconds: float) -> Iterator[Json]:
        """Documents of a stream, one a line, until the server ends it. What breaks off ends it too: who reads it goes
        on from the last document."""
        import urllib3

        limit = seconds + self.call_seconds
        answer = self._attempts()(self._send, doing, "GET", path, query, None, "", limit, stream=True)
        unfinished = b""
        try:
            for chunk in answer.stream(None):
                *whole, unfinished = (unfinished + chunk).split(b"\n")
                yield from (_document(line, doing) for line in whole if line.strip())
        except (urllib3.exceptions.HTTPError, OSError):
            return
        finally:
            answer.close()

    def _once(self, doing: str, method: str, path: str, query: Query | None, body: Json | None, content: str) -> bytes:
        return bytes(self._send(doing, method, path, query, body, content, self.call_seconds).data)

    def _send(
        self,
        doing: str,
        method: str,
        path: str,
        query: Query | None,
        body: Json | None,
        content: str,
        seconds: float,
        stream: bool = False,
    ) -> Any:
        client = self._client
        import urllib3

        headers = {"Accept": "application/json", **({"Content-Type": content} if body else {})}
        client.update_params_for_auth(headers, [], ["BearerToken"])
        url = f"{client.configuration.host.rstrip('/')}{path}{'?' + urlencode(query) if query else ''}"
        try:
            answer = client.rest_client.pool_manager.request(
                method,
                url,
                body=json.dumps(body).encode() if body else None,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(seconds, self.call_seconds), read=seconds),
                retries=False,
                preload_content=not stream,
            )
            failed = answer.data if answer.status >= 300 else b""
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise no_answer(error, doing) from None
        if answer.status >= 300:
            raise from_answer(answer.status, failed, doing, answer.headers.get("Retry-After", ""))
        return answer

    @cached_property
    def _client(self) -> Any:
        try:
            from kubernetes.client import ApiClient
        except ImportError as error:
            raise MissingExtra("kubernetes", EXTRA) from error
        return ApiClient(self.configure())


def kubeconfig(path: str, context: str = "") -> Any:
    """The configuration of a context; empty: the current one. SpecError. The file is not written to."""
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import ConfigException, load_kube_config
    except ImportError as error:
        raise MissingExtra("kubernetes", EXTRA) from error
    found = Configuration()
    try:
        load_kube_config(path, context or None, found, persist_config=False)
    except (ConfigException, OSError) as error:
        raise SpecError(
            f"The kubeconfig {path} cannot be used: {error}", hint="Check the file, and that it has the context."
        ) from None
    return found


def _document(content: bytes, doing: str) -> Json:
    try:
        return dict(json.loads(content))
    except (ValueError, TypeError):
        raise Unavailable(
            f"Could not {doing}: the answer is no JSON object.",
            hint="Check the server's address in the kubeconfig: something else may answer there.",
        ) from None


def _pause(state: RetryCallState) -> float:
    """What the server states, or an exponential pause. A pause that ends after ``retry_seconds`` is not begun."""
    error = state.outcome.exception() if state.outcome else None
    stated: float = getattr(error, "retry_after_seconds", 0.0) if isinstance(error, IntermodalError) else 0.0
    return stated or wait_exponential_jitter(initial=0.2, max=2, jitter=0.2)(state)
