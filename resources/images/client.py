"""Calls of the OCI distribution API, each repeated while the registry throttles, fails or breaks the connection.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from intermodal.platform.errors import IntermodalError, Throttled, Unavailable
from intermodal.resources.images.address import Address
from intermodal.resources.images.errors import Expired, Full, from_response, no_answer
from intermodal.resources.images.login import Headers, Login

T = TypeVar("T")
CONNECT_SECONDS, READ_SECONDS = 5, 65
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 8
DIGEST_HEADER, SUBJECT_HEADER = "Docker-Content-Digest", "OCI-Subject"
STREAM = {"Content-Type": "application/octet-stream"}


class Source(Protocol):
    """Bytes with their digest. ``chunks`` may be read again when an upload is repeated."""

    @property
    def digest(self) -> str: ...

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


class Sent:
    """Counts what goes over the wire."""

    def __init__(self) -> None:
        self.bytes = 0

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes += len(chunk)
            yield chunk


class Client:
    """One registry as one identity. ``permissions`` is what a refused identity needs, in the cloud's own words."""

    def __init__(self, address: Address, login: Login, permissions: str = "", retry_seconds: float = 60) -> None:
        self.address, self.login, self.permissions, self.retry_seconds = address, login, permissions, retry_seconds
        self._headers = Headers(login)

    @cached_property
    def _http(self) -> httpx.Client:
        """The registry's certificate is checked against SSL_CERT_FILE, or certifi's authorities."""
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        return httpx.Client(timeout=timeout, headers={"User-Agent": "intermodal"})

    def retried(self, call: Callable[[], T]) -> T:
        """Repeat the call while waiting may help. Errors of ours, the last one when it never helped."""
        return Retrying(
            retry=retry_if_exception(_may_help),
            wait=wait_exponential_jitter(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, jitter=FIRST_WAIT_SECONDS),
            stop=stop_after_delay(self.retry_seconds),
            reraise=True,
        )(call)

    def call(
        self,
        method: str,
        path: str,
        repository: str,
        doing: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        absent: tuple[int, ...] = (),
        sent: Sent | None = None,
    ) -> httpx.Response | None:
        """A call below the repository, with its body; None for a status of ``absent``."""

        def attempt() -> httpx.Response | None:
            body = None if content is None else (sent or Sent()).count([content])
            length = {} if content is None else {"Content-Length": str(len(content))}
            url = f"{self.address.url}/v2/{repository}/{path}"
            answer = self._send(method, url, repository, doing, {**(headers or {}), **length}, body, absent=absent)
            return None if answer.status_code in absent else answer

        return self.retried(attempt)

    def has_blob(self, repository: str, digest: str) -> bool:
        return self.call("HEAD", f"blobs/{digest}", repository, f"look up layer {digest}", absent=(404,)) is not None

    def download(self, repository: str, digest: str, target: Path) -> None:
        """Stream a blob into a file that replaces ``target`` once its bytes are those of the digest."""
        self.retried(lambda: self._download(repository, digest, target))

    def _download(self, repository: str, digest: str, target: Path) -> None:
        doing, found = f"read layer {digest} of {repository}", hashlib.sha256()
        part = target.with_name(f"{target.name}.part")
        value, _ = self._headers.get(repository)
        own = {"Authorization": value} if value else {}
        url = f"{self.address.url}/v2/{repository}/blobs/{digest}"
        try:
            with self._http.stream("GET", url, headers=own, follow_redirects=True) as answer, part.open("wb") as file:
                if not answer.is_success:
                    answer.read()
                    raise from_response(answer, self.address.host, doing, self.permissions)
                for chunk in answer.iter_raw():
                    found.update(chunk)
                    file.write(chunk)
        except httpx.TransportError as error:
            raise no_answer(error, self.address.host, doing) from None
        if f"sha256:{found.hexdigest()}" != digest:
            raise IntermodalError(f"{self.address.host} has other bytes for {repository}@{digest}.")
        part.replace(target)

    def upload(self, repository: str, source: Source, sent: Sent, mount_from: str = "") -> bool:
        """Store a blob: by a mount where the registry can (False), else by sending its bytes (True).

        An upload that breaks is begun again from its first byte: registries differ in what they keep of one.
        """
        return self.retried(lambda: self._upload(repository, source, sent, mount_from))

    def _upload(self, repository: str, source: Source, sent: Sent, mount_from: str) -> bool:
        doing = f"upload layer {source.digest} to {repository}"
        start = f"{self.address.url}/v2/{repository}/blobs/uploads/"
        url = str(httpx.URL(start, params={"mount": source.digest, "from": mount_from})) if mount_from else start
        answer = self._send("POST", url, repository, doing, {"Content-Length": "0"}, mount_from=mount_from)
        if answer.status_code == 201:
            return False
        if source.size:
            headers = {**STREAM, "Content-Length": str(source.size)}
            body = sent.count(source.chunks())
            answer = self._send("PATCH", _location(answer, doing), repository, doing, headers, body)
        url = _location(answer, doing)
        end = str(httpx.URL(url).copy_merge_params({"digest": source.digest}))
        self._send("PUT", end, repository, doing, {"Content-Length": "0"})
        return True

    def _send(
        self,
        method: str,
        url: str,
        repository: str,
        doing: str,
        headers: Mapping[str, str],
        body: Iterator[bytes] | None = None,
        mount_from: str = "",
        absent: tuple[int, ...] = (),
    ) -> httpx.Response:
        """One request. The header goes to the registry only, never to another address that it names."""
        own, fresh = {}, True
        if _origin(url) == _origin(self.address.url):
            value, fresh = self._headers.get(repository, mount_from)
            own = {"Authorization": value} if value else {}
        try:
            answer = self._http.request(
                method, url, headers={**headers, **own}, content=body, follow_redirects=method in ("GET", "HEAD")
            )
        except httpx.TransportError as error:
            raise no_answer(error, self.address.host, doing) from None
        except httpx.HTTPError as error:  # a redirect without end, a body that cannot be decoded
            raise IntermodalError(f"The registry {self.address.host} did not {doing}: {error}") from None
        if answer.is_success or answer.status_code in absent:
            return answer
        failure = from_response(answer, self.address.host, doing, self.permissions)
        if own and (answer.status_code == 401 or (answer.status_code == 403 and "expired" in answer.text.lower())):
            self._headers.forget(repository, mount_from)
            raise failure if fresh else Expired(failure.message, hint=failure.hint)
        raise failure


def _may_help(error: BaseException) -> bool:
    return isinstance(error, Throttled | Unavailable | Expired) and not isinstance(error, Full)


def _location(answer: httpx.Response, doing: str) -> str:
    """Where an upload goes on; it may be relative."""
    try:
        return str(answer.url.join(answer.headers["Location"]))
    except (KeyError, httpx.InvalidURL):
        raise IntermodalError(f"{answer.url.host} is no image registry: it did not say where to {doing}.") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    found = httpx.URL(url)
    return found.scheme, found.host, found.port
