"""Call an ASGI application as a server would, with arbitrary requests."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intermodal.serving.dataplane import DataPlane
from intermodal.serving.http.app import App
from intermodal.serving.service import Model, Service
from intermodal.serving.settings import Identity, Settings

INFER = "/v2/models/flight_delay/infer"
JSON_HEADERS = ((b"content-type", b"application/json"),)


@dataclass(frozen=True)
class Received:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def app_of(plane: DataPlane, *, loaded: bool = True, **settings: Any) -> App:
    return App(
        service_of(plane, Settings(identity=Identity("1.2.3", "aws", "aws/sagemaker"), **settings), loaded=loaded)
    )


def service_of(plane: DataPlane, settings: Settings, *, loaded: bool = True) -> Service:
    model = Model(plane.package, Path("nowhere"))
    model.plane = plane if loaded else None
    return Service([model], settings)


async def request(
    app: App,
    method: str,
    path: str,
    chunks: Sequence[bytes] = (b"",),
    headers: Sequence[tuple[bytes, bytes]] = JSON_HEADERS,
    *,
    leaves: bool = False,
) -> Received | None:
    """Send one request, with its body in chunks. With ``leaves`` the client is gone before the last chunk.

    Returns None when the application sent nothing."""
    messages = [{"type": "http.request", "body": c, "more_body": i + 1 < len(chunks)} for i, c in enumerate(chunks)]
    if leaves:
        messages[-1] = {"type": "http.disconnect"}
    waiting, sent = iter(messages), []

    async def receive() -> Any:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": list(headers)}, receive, send)
    if not sent:
        return None
    start, body = sent
    return Received(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, body["body"])


def call(app: App, method: str, path: str, body: Any = b"", headers: Any = JSON_HEADERS, **more: Any) -> Received:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    got = asyncio.run(request(app, method, path, (raw,), headers, **more))
    assert got is not None
    return got
