"""The processes behind online deployments: started, watched, started again, replaced and stopped."""

import asyncio
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intermodal.sandbox import containers
from intermodal.sandbox.azure.arm import Operations
from intermodal.sandbox.azure.assets import Assets
from intermodal.sandbox.azure.identity import storage_key
from intermodal.sandbox.azure.storage import Storage
from intermodal.sandbox.containers import Container, StartFailed
from intermodal.sandbox.front import Context

KIND = "ml"
MODELS = "/var/azureml-app/azureml-models"
REQUEST_TIMEOUT = "PT5S"
"""Azure's default, as are one concurrent request an instance and a queue of as many again.
Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online"""
PAUSES = (0.2, 1, 2, 5, 10)


@dataclass
class Server:
    """One deployment's process. ``limit`` requests are taken at once; ``timeout`` in seconds."""

    container: Container
    root: Path
    scoring: str
    timeout: float
    limit: int
    busy: int = 0


class Fleet:
    """``servers`` maps ``<endpoint>/<deployment>`` to the process that answers now."""

    def __init__(self, context: Context, storage: Storage, assets: Assets, operations: Operations) -> None:
        self._context, self._storage, self._assets, self._operations = context, storage, assets, operations
        self._table = context.state.table("deployments")
        self._folder = context.home / "endpoints"
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._logs: dict[str, Path] = {}
        self.servers: dict[str, Server] = {}

    def begin(self, key: str) -> None:
        """Bring ``key`` to its state in the background. An older process serves until then."""
        if watcher := self._watchers.pop(key, None):
            watcher.cancel()
        watcher = self._watchers[key] = asyncio.ensure_future(self._live(key, self._table[key]))
        watcher.add_done_callback(_tell)

    def resume(self) -> None:
        """Start every deployment again after an outage; each is creating until its process answers."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for key, record in list(self._table.items()):
            state = record["doc"]["properties"]["provisioningState"]
            if state == "Deleting":
                del self._table[key]
            elif state != "Failed":
                record["doc"]["properties"]["provisioningState"] = "Creating"
                self.begin(key)

    async def end(self, key: str) -> None:
        """Stop the process of ``key`` and remove its files."""
        if watcher := self._watchers.pop(key, None):
            watcher.cancel()
            await asyncio.wait([watcher])
        if server := self.servers.pop(key, None):
            await self._retire(server)
        if log := self._logs.pop(key, None):
            log.unlink(missing_ok=True)

    async def stop(self) -> None:
        await asyncio.gather(*(self.end(key) for key in {*self._watchers, *self.servers}))

    def log(self, key: str, lines: int) -> str:
        """The last lines that the container wrote."""
        path = self._logs.get(key)
        text = path.read_text("utf-8", errors="replace") if path and path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    async def _live(self, key: str, record: dict[str, Any]) -> None:
        """Start, record the result, then watch: a process that dies is started again with growing pauses."""
        await asyncio.sleep(self._context.faults.slow_start_seconds)
        reason = await self._replace(key, record)
        record["doc"]["properties"]["provisioningState"] = "Failed" if reason else "Succeeded"
        record["reason"] = reason
        self._operations.end(record["operation"], reason)
        deaths = 0
        while server := self.servers.get(key):
            await server.container.process.wait()
            del self.servers[key]
            await self._retire(server)
            await asyncio.sleep(PAUSES[min(deaths, len(PAUSES) - 1)])
            deaths += 1
            if reason := await self._replace(key, record):
                record["doc"]["properties"]["provisioningState"], record["reason"] = "Failed", reason
                self._context.state.save()

    async def _replace(self, key: str, record: dict[str, Any]) -> str:
        """Replace the process by a new one, and stop the old one after. Returns the reason when none starts."""
        try:
            fresh = await self._start(key, record["doc"])
        except (StartFailed, OSError) as error:
            return str(error)
        old = self.servers.get(key)
        self.servers[key] = fresh
        if old:
            self._context.spawn(self._retire(old))
        return ""

    async def _start(self, key: str, document: dict[str, Any]) -> Server:
        properties, sku = document["properties"], document["sku"]
        model = self._assets.model(properties["model"])
        environment = self._assets.environment(properties["environmentId"])
        await containers.pull(environment.image, self._context)
        root = containers.fresh_root(self._folder / f"{key.replace('/', '--')}--{uuid.uuid4().hex[:8]}")
        mounted = f"{MODELS}/{model.name}/{model.version}"
        # A registered folder keeps its own name below the version's folder.
        folder = root / mounted.lstrip("/") / model.path.rsplit("/", 1)[-1]
        self._logs[key] = root.with_suffix(".log")
        try:
            await self._storage.download(model.account, model.container, model.path, folder)
            given = {"AZUREML_MODEL_DIR": mounted, **storage_key(self._context.settings)}
            env = {**(properties.get("environmentVariables") or {}), **given}
            context, target = self._context, self._context.target(KIND)
            running = await containers.start(environment.image, root, env, environment.readiness, context, target)
        except BaseException:
            shutil.rmtree(root, ignore_errors=True)
            raise
        settings = properties.get("requestSettings") or {}
        at_once = settings.get("maxConcurrentRequestsPerInstance", 1) * sku.get("capacity", 1)
        timeout = seconds_of(settings.get("requestTimeout", REQUEST_TIMEOUT))
        return Server(running, root, environment.scoring, timeout, 2 * at_once)

    async def _retire(self, server: Server) -> None:
        """Let running requests end, stop the process, remove its files."""
        for _ in range(100):
            if not server.busy or not server.container.alive:
                break
            await asyncio.sleep(0.05)
        await server.container.stop()
        shutil.rmtree(server.root, ignore_errors=True)


def _tell(watcher: asyncio.Task[None]) -> None:
    """A watcher ends when it is cancelled or its server has failed; anything else is a fault of ours, for the log."""
    if not watcher.cancelled() and (error := watcher.exception()):
        watcher.get_loop().call_exception_handler({"message": "a deployment's watcher broke", "exception": error})


def seconds_of(duration: str) -> float:
    """Seconds of an ISO 8601 duration of days at most, such as PT1M30S."""
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", duration)
    if not match:
        raise ValueError(f"'{duration}' is not a duration")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds
