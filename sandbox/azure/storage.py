"""Blob storage: azurite behind the front, and this cloud's own way to read from it."""

import asyncio
import base64
import datetime
import hashlib
import hmac
import os
from pathlib import Path
from typing import Any, cast

import aiohttp
import obstore
from aiohttp import web
from obstore.store import AzureStore
from yarl import URL

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.azure import azurite
from intermodal.sandbox.azure.identity import ACCOUNT, CONTAINER, Identity
from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.front import Context
from intermodal.sandbox.proxy import forward
from intermodal.sandbox.settings import free_port

START_SECONDS = 30
VERSION = "2023-11-03"


class Storage:
    """One azurite process; its data are below the cloud's home and survive an outage."""

    def __init__(self, context: Context, identity: Identity) -> None:
        self._context, self._key = context, identity.storage_key
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", f"/{ACCOUNT}{tail}", self._hand_on) for tail in ("", "/{tail:.*}")]

    async def start(self) -> None:
        """Start azurite, wait until it answers, and make the container of mirrors if it is missing."""
        await self._run()
        self._keeper = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def download(self, account: str, container: str, prefix: str, folder: Path) -> None:
        """Fetch every object below ``prefix`` into ``folder``; StartFailed when there is none."""
        if account != ACCOUNT:
            raise StartFailed(f"ResourceNotFound: storage account '{account}' does not exist")
        store = AzureStore(
            container_name=container,
            account_name=ACCOUNT,
            account_key=self._key,
            endpoint=f"http://127.0.0.1:{self._port}/{ACCOUNT}",
            prefix=prefix,
            client_options={"allow_http": True},
        )
        try:
            found = [meta["path"] async for batch in store.list() for meta in batch]
            for path in found:
                await self._fetch(store, path, folder)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise StartFailed(f"ModelDownloadFailed: {container}/{prefix}: {error}") from error
        if not found:
            raise StartFailed(f"ModelNotFound: no blobs below '{prefix}' in container '{container}'")

    async def _fetch(self, store: AzureStore, path: str, folder: Path) -> None:
        target = (folder / path).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise StartFailed(f"ModelDownloadFailed: the blob name '{path}' leaves the model's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            async for chunk in (await store.get_async(path)).stream():
                file.write(chunk)

    async def _hand_on(self, request: web.Request) -> web.StreamResponse:
        url = URL(f"http://127.0.0.1:{self._port}{request.raw_path}", encoded=True)
        # The signature covers the path as it was sent, so it must not be encoded anew.
        return await forward(request, self._context.session, cast(Any, url))

    async def _run(self) -> None:
        home = self._context.home / "azurite"
        home.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        with (self._context.home / "azurite.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *azurite.command(),
                *("--blobHost", "127.0.0.1", "--blobPort", str(self._port), "--location", str(home)),
                *("--silent", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl"),
                env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await self._make_container():
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise IntermodalError("azurite did not start.", hint=f"See {self._context.home / 'azurite.log'}.")
            await asyncio.sleep(0.05)

    async def _keep(self) -> None:
        while self._process:
            await self._process.wait()
            await self._run()

    async def _make_container(self) -> bool:
        path = f"/{ACCOUNT}/{CONTAINER}"
        headers = _signed(self._key, "PUT", path, {"restype": "container"})
        try:
            url = f"http://127.0.0.1:{self._port}{path}?restype=container"
            async with self._context.session.put(url, headers=headers, skip_auto_headers=("Content-Type",)) as answer:
                if answer.status not in (201, 409):
                    raise IntermodalError(f"azurite refused to make {CONTAINER}: {await answer.text()}")
                return True
        except aiohttp.ClientError:
            return False


def _signed(key: str, verb: str, path: str, query: dict[str, str]) -> dict[str, str]:
    """Shared Key authorization of a request without a body.

    Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    now = datetime.datetime.now(datetime.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": now, "x-ms-version": VERSION}
    lines = [verb, *[""] * 11, *(f"{name}:{value}" for name, value in sorted(headers.items()))]
    lines += [f"/{ACCOUNT}{path}", *(f"{name}:{value}" for name, value in sorted(query.items()))]
    digest = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return headers | {"Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"}
