"""The processes behind functions: Lambda starts an environment with the first request, and again when it ended.

On AWS every environment has one request at a time; here one real server process of each version takes all.
"""

import asyncio
import shutil
from collections import defaultdict

from intermodal.sandbox import containers
from intermodal.sandbox.aws.functions.records import Document
from intermodal.sandbox.aws.identity import role
from intermodal.sandbox.containers import Container
from intermodal.sandbox.front import Context

KIND = "lambda"
Key = tuple[str, str]


class Environments:
    """``running`` has the process of each function's version that was called."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.folder = context.home / "functions"
        self.running: dict[Key, Container] = {}
        self._locks: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    def resume(self) -> None:
        """After an outage: the next request starts what it needs."""
        shutil.rmtree(self.folder, ignore_errors=True)

    async def get(self, configuration: Document) -> Container:
        """The version's process, started when there is none; StartFailed."""
        key = configuration["FunctionName"], configuration["Version"]
        async with self._locks[key]:
            found = self.running.get(key)
            if found is None or not found.alive:
                found = self.running[key] = await self._start(key, configuration)
            return found

    async def _start(self, key: Key, configuration: Document) -> Container:
        variables = configuration.get("Environment", {}).get("Variables", {})
        root = containers.fresh_root(self.folder / "-".join(key).replace("$", ""))
        return await containers.start(
            configuration["ImageUri"],
            root,
            {**variables, **role(self.context.settings, self.context.site)},
            variables.get("AWS_LWA_READINESS_CHECK_PATH", "/"),
            self.context,
            self.context.target(KIND),
            configuration["Timeout"],
        )

    async def end(self, name: str, number: str = "") -> None:
        """Stop the processes of a function, or of one version."""
        for key in [key for key in self._locks if key[0] == name and number in ("", key[1])]:
            async with self._locks[key]:
                if container := self.running.pop(key, None):
                    await container.stop()
                    shutil.rmtree(container.log.with_suffix(""), ignore_errors=True)

    async def stop(self) -> None:
        await asyncio.gather(*(container.stop() for container in self.running.values()))
