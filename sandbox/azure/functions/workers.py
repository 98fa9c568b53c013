"""The processes behind function apps: started, watched, started again, swapped and stopped."""

import asyncio
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from intermodal.sandbox import containers
from intermodal.sandbox.azure.functions.apps import Apps, Json, host_of
from intermodal.sandbox.azure.identity import storage_key
from intermodal.sandbox.containers import Container, StartFailed
from intermodal.sandbox.front import Context

KIND = "functions"
START_SECONDS = 230
PAUSES = (0.2, 1, 2, 5, 10)
READY_PATH = "/v2/health/ready"


@dataclass(eq=False)
class Worker:
    """One app's container. ``log`` is what App Service writes about it."""

    root: Path
    log: list[str] = field(default_factory=list)
    container: Container | None = None
    task: "asyncio.Task[None] | None" = None


class Workers:
    """``running`` maps an app or a slot to its worker. A swap exchanges two workers, and no process ends by it here; on
    Azure the functions that are executing do."""

    def __init__(self, context: Context, apps: Apps) -> None:
        self._context, self._apps = context, apps
        self._folder = context.home / "function-apps"
        self.running: dict[str, Worker] = {}

    def resume(self) -> None:
        """After an outage every app starts again."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for key, record in self._apps.table.items():
            record["busy"] = False
            self.begin(key)

    def begin(self, key: str) -> None:
        """Start the container of an app, instead of the one that runs."""
        if old := self.running.pop(key, None):
            self._context.spawn(self._end(old))
        content = self._apps.table[key]["content"]
        root = self._folder / f"{key.replace('/', '--')}--{uuid.uuid4().hex[:8]}"
        worker = self.running[key] = Worker(root)
        worker.task = asyncio.ensure_future(self._live(key, worker, content))

    def swap(self, first: str, second: str) -> None:
        self.running[first], self.running[second] = self.running[second], self.running[first]

    async def end(self, key: str) -> None:
        if worker := self.running.pop(key, None):
            await self._end(worker)

    async def stop(self) -> None:
        await asyncio.gather(*(self.end(key) for key in list(self.running)))

    async def _end(self, worker: Worker) -> None:
        if worker.task is not None:
            worker.task.cancel()
            await asyncio.wait([worker.task])
        if worker.container is not None:
            await worker.container.stop()
        shutil.rmtree(worker.root, ignore_errors=True)

    async def _live(self, key: str, worker: Worker, content: Json) -> None:
        """Start, then watch: a container that exits is started again with growing pauses."""
        await asyncio.sleep(self._context.faults.slow_start_seconds)
        deaths = 0
        while True:
            try:
                worker.container = await self._start(key, worker, content)
            except (StartFailed, OSError) as error:
                worker.log.append(_line(key, str(error)))
            else:
                worker.log.append(f"INFO - Container for site {key} initialized successfully.")
                await worker.container.process.wait()
                worker.log.append(f"INFO - Container for site {key} has exited; it is started again.")
            await asyncio.sleep(PAUSES[min(deaths, len(PAUSES) - 1)])
            deaths += 1

    async def _start(self, key: str, worker: Worker, content: Json) -> Container:
        image = content["config"]["linuxFxVersion"].partition("|")[2]
        root = containers.fresh_root(worker.root)
        own = {
            "WEBSITE_SITE_NAME": key.partition("/")[0],
            "WEBSITE_HOSTNAME": host_of(key),
            "WEBSITE_INSTANCE_ID": uuid.uuid4().hex,
            **storage_key(self._context.settings),
        }
        context, env = self._context, {**content["settings"], **own}
        target = context.target(KIND)
        return await containers.start(image, root, env, READY_PATH, context, target, START_SECONDS)


def _line(key: str, reason: str) -> str:
    """As App Service's log has it, on one line."""
    words = " ".join(reason.split())
    if reason.startswith("CannotPullContainer"):
        return f"ERROR - Image pull failed: Verify docker image configuration and credentials. {words}"
    return f"ERROR - Container for site {key} has exited, failing site start: {words}"
