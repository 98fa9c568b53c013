"""The storage emulators that stand behind the adapters' tests: moto, fake-gcs-server and azurite, on free ports.

Session fixtures, each started when a test first asks for it. ``Emulator.url`` is the address of the cloud's own API;
``bucket`` exists. Nothing is skipped: what is not installed fails with the command that installs it.
"""

import asyncio
import base64
import hashlib
import hmac
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from intermodal.platform.targets import Site
from intermodal.sandbox.azure import azurite as azurite_program
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.storage import JSON_PATHS, Storage
from intermodal.sandbox.gcp.uploads import Uploads, is_upload
from intermodal.sandbox.proxy import new_session
from intermodal.sandbox.settings import Ports, Settings, free_port
from intermodal.sandbox.state import State

BUCKET = "mirrors"
AZURE_ACCOUNT = "devstoreaccount1"
# Published by Microsoft for everybody: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    url: str
    bucket: str = BUCKET


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Amazon S3."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with _running(command, url, tmp_path_factory.mktemp("moto")):
        httpx.put(f"{url}/{BUCKET}", trust_env=False).raise_for_status()
        yield Emulator(url)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Azure Blob; ``url`` is the account's address."""
    port = free_port()
    address = ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    flags = ["--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence", "--silent"]
    url = f"http://127.0.0.1:{port}"
    with _running([*azurite_command(), *address, *flags], url, tmp_path_factory.mktemp("azurite")):
        path = f"/{AZURE_ACCOUNT}/{BUCKET}"
        answer = httpx.put(f"{url}{path}?restype=container", headers=_shared_key(path), trust_env=False)
        answer.raise_for_status()
        yield Emulator(f"{url}/{AZURE_ACCOUNT}")


def azurite_command() -> list[str]:
    """Azurite's Blob service, wherever the sandbox installs it (INTERMODAL_NODE_MODULES names another folder)."""
    return azurite_program.command()


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Cloud Storage: fake-gcs-server with the sandbox's translation of XML uploads, and any token at /token."""
    port, home = free_port(), tmp_path_factory.mktemp("gcs")
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    work = loop.create_task(_serve_gcs(home, port, ready, stop))
    thread = threading.Thread(target=loop.run_until_complete, args=(work,), daemon=True)
    thread.start()
    if not ready.wait(START_SECONDS):
        raise RuntimeError(f"fake-gcs-server did not start: {work!r}")
    url = f"http://127.0.0.1:{port}"
    httpx.post(f"{url}/storage/v1/b?project=p", json={"name": BUCKET}, trust_env=False).raise_for_status()
    yield Emulator(url)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


async def _serve_gcs(home: Path, port: int, ready: threading.Event, stop: asyncio.Event) -> None:
    async with new_session() as session:
        context = Context(Site("gcp"), Settings(home, Ports(gcp=port)), home, State(home / "state.json"), session)
        storage = Storage(context)
        uploads = Uploads(context, storage)

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.path == "/token":
                return web.json_response({"access_token": "fake", "expires_in": 3600, "token_type": "Bearer"})
            if request.path.startswith(JSON_PATHS):
                return await storage.json(request)
            if request.path.strip("/").partition("/")[0] != BUCKET:
                # As Cloud Storage answers; fake-gcs-server says "Not Found" or even 500 here.
                return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
            return await (uploads.handle(request) if is_upload(request) else storage.xml(request))

        app = web.Application(client_max_size=8 << 30)
        app.router.add_route("*", "/{rest:.*}", handle)
        await storage.start()
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            ready.set()
            await stop.wait()
        finally:
            await runner.cleanup()
            await storage.stop()


@contextmanager
def _running(command: Sequence[str], url: str, folder: Path) -> Iterator[None]:
    """Run a server until the end of the block; raises with the end of its log when it does not answer."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                end = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(command)} did not start: {end}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=2, trust_env=False)
    except httpx.TransportError:
        return False
    return True


def _shared_key(path: str) -> dict[str, str]:
    """Headers of a container's creation, signed: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key"""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    own = "\n".join(f"{name}:{value}" for name, value in headers.items())
    text = f"PUT{chr(10) * 12}{own}\n/{AZURE_ACCOUNT}{path}\nrestype:container"
    seal = hmac.new(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256).digest()
    return {**headers, "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(seal).decode()}"}
