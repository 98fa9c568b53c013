"""Revisions: the processes behind Cloud Run services, one for each service whatever its instance counts say."""

import asyncio
import shutil
import time
from typing import Any

import aiohttp

from intermodal.sandbox.containers import Container, StartFailed
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp import services
from intermodal.sandbox.gcp.launch import FOLDER, launch, remove_root
from intermodal.sandbox.gcp.operations import Operations
from intermodal.sandbox.gcp.run_metrics import RunMetrics
from intermodal.sandbox.gcp.storage import Storage

Json = dict[str, Any]
MISSES = 3
LONGEST_BACKOFF = 5.0
GRACE_SECONDS = 0.5


class Revisions:
    """Brings services to what their documents say.

    ``serving`` in a service's record is the revision that gets the requests, with its template.
    """

    def __init__(
        self,
        context: Context,
        storage: Storage,
        operations: Operations,
        live: dict[str, Container],
        metrics: RunMetrics,
    ) -> None:
        self._context, self._storage, self._operations = context, storage, operations
        self._records, self._metrics = context.state.table("services"), metrics
        self.live = live

    def restore(self) -> None:
        """After an outage: start again what served, and continue what was unfinished."""
        shutil.rmtree(self._context.home / FOLDER, ignore_errors=True)
        for name, record in self._records.items():
            service, serving = record["service"], record.get("serving")
            is_newest = serving is not None and serving["revision"] == services.serving_revision(service)
            if is_newest:
                record["service"] = services.reconciling(service)
            if serving is not None:
                self._context.spawn(self._serve_again(name, serving))
            if service["reconciling"] and not is_newest:
                self._context.spawn(self.roll_out(name))
        self._context.state.save()

    async def roll_out(self, name: str) -> None:
        """Start the newest revision, or the one that the traffic names, then switch to it, then stop the one before."""
        wanted = self._records[name]["service"]
        if services.stopped(wanted):
            await self._halt(name)
            return
        revision = services.serving_revision(wanted)
        template = self._records[name].get("revisions", {}).get(revision, wanted["template"])
        try:
            container, reason = await self._launch(revision, template), ""
        except StartFailed as error:
            container, reason = None, str(error)
        except Exception as error:  # noqa: BLE001 a service must never stay in creation without a reason
            container, reason = None, f"the sandbox failed: {error!r}"
        record = self._records.get(name)
        if record is None or services.serving_revision(record["service"]) != revision:
            if container is not None:  # deleted or replaced meanwhile
                await self._end(container)
            return
        if container is None:
            record["service"] = services.failed(record["service"], reason)
        else:
            record["service"] = services.ready(record["service"])
            old = self.live.get(name)
            record["serving"] = {"revision": revision, "template": template}
            record.setdefault("revisions", {})[revision] = template
            self._switch(name, container, record["serving"])
            if old is not None:
                self._context.spawn(self._retire(old))
        self._operations.finish(name, record["service"])
        self._context.state.save()

    async def _halt(self, name: str) -> None:
        """No instance, by manual scaling: requests get 503 until the service is scaled again."""
        record = self._records[name]
        record.pop("serving", None)
        record["service"] = services.ready(record["service"])
        self._operations.finish(name, record["service"])
        self._context.state.save()
        await self.remove(name)

    async def remove(self, name: str) -> None:
        container = self.live.pop(name, None)
        if container is not None:
            await self._end(container)

    async def stop(self) -> None:
        containers = list(self.live.values())
        self.live.clear()
        await asyncio.gather(*(container.stop(seconds=5) for container in containers))

    async def _launch(self, revision: str, template: Json) -> Container:
        began = time.perf_counter()
        container = await launch(self._context, self._storage, revision, template)
        self._metrics.started(revision, time.perf_counter() - began)
        return container

    def _switch(self, name: str, container: Container, serving: Json) -> None:
        self.live[name] = container
        self._context.spawn(self._watch(name, container, serving))

    async def _serve_again(self, name: str, serving: Json) -> None:
        """Start what served before, until it works or is no longer wanted. Requests get 503 meanwhile."""
        pause = 0.2
        while (record := self._records.get(name)) is not None and record.get("serving") == serving:
            try:
                container = await self._launch(serving["revision"], serving["template"])
            except (StartFailed, aiohttp.ClientError) as error:
                record["service"] = services.failed(record["service"], str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_BACKOFF)
                continue
            record = self._records.get(name)
            if record is None or record.get("serving") != serving:
                await self._end(container)
                return
            if serving["revision"] == services.serving_revision(record["service"]):
                record["service"] = services.ready(record["service"])
                self._operations.finish(name, record["service"])
            self._context.state.save()
            self._switch(name, container, serving)
            return

    async def _watch(self, name: str, container: Container, serving: Json) -> None:
        """Liveness: an instance that ends, or stops answering its probe, is replaced, as Cloud Run does."""
        probe = serving["template"]["containers"][0].get("livenessProbe", {})
        path, period = probe.get("httpGet", {}).get("path"), probe.get("periodSeconds", 10)
        misses = 0
        while self.live.get(name) is container and container.alive and misses < probe.get("failureThreshold", MISSES):
            try:
                await asyncio.wait_for(container.process.wait(), period)
            except TimeoutError:
                misses = 0 if path is None or await self._lives(container.url + path) else misses + 1
        if self.live.get(name) is container:
            del self.live[name]
            await container.stop(seconds=1)
            remove_root(container)
            await self._serve_again(name, serving)

    async def _lives(self, url: str) -> bool:
        try:
            async with self._context.session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as answer:
                return answer.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _retire(self, container: Container) -> None:
        """Stop it after the requests that were under way when traffic moved."""
        await asyncio.sleep(GRACE_SECONDS)
        await self._end(container)

    async def _end(self, container: Container) -> None:
        await container.stop()
        remove_root(container)
