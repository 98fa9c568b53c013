"""What a container's probes say of one run after the other: whether it has started, and whether it is ready."""

import asyncio
from collections.abc import Callable

import aiohttp

from intermodal.sandbox.kubernetes.controllers import probes
from intermodal.sandbox.kubernetes.controllers.process import Run
from intermodal.sandbox.kubernetes.store import Document

Report = Callable[[str, str, str], None]
"""Type, reason and message of an event about the container."""


class Probing:
    """``changed`` is called when ``started`` or ``ready`` changes. ``grace`` is in seconds."""

    def __init__(
        self, spec: Document, address: str, session: aiohttp.ClientSession, pace: float, grace: float, say: Report,
        changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self.spec, self._address, self._session, self._pace, self._grace = spec, address, session, pace, grace
        self._say, self._changed = say, changed
        self.ready = self.started = self.stopping = False

    def begin(self) -> None:
        """Of a run that has no probe yet."""
        self.started = not self.spec.get("startupProbe")
        self.ready = self.started and not self.spec.get("readinessProbe")

    def end(self) -> None:
        self.ready = self.started = False

    async def watch(self, run: Run) -> None:
        if self.spec.get("startupProbe") and not await self._watch(run, "startup", self._has_started).run(once=True):
            return
        self._has_started()
        found = [("readiness", self._is_ready), ("liveness", lambda: None)]
        wanted = [self._watch(run, kind, good).run() for kind, good in found if self.spec.get(f"{kind}Probe")]
        await asyncio.gather(*wanted)

    def _watch(self, run: Run, kind: str, good: Callable[[], None]) -> probes.Watch:
        def attempt(probe: Document) -> "asyncio.Future[str]":
            return asyncio.ensure_future(probes.failure(probe, self.spec, self._address, self._session))

        def bad() -> None:
            if kind == "readiness":
                self._ready(False)
            elif not self.stopping:
                self._say("Normal", "Killing", f"Container {self.spec['name']} failed {kind} probe, will be restarted")
                run.terminate()
                asyncio.get_running_loop().call_later(self._grace, run.kill)

        def failed(words: str) -> None:
            self._say("Warning", "Unhealthy", f"{kind.capitalize()} probe failed: {words}")

        return probes.Watch(self.spec[f"{kind}Probe"], attempt, self._pace, good, bad, failed)

    def _has_started(self) -> None:
        if not self.started:
            self.started = True
            self.ready = not self.spec.get("readinessProbe")
            self._changed()

    def _is_ready(self) -> None:
        self._ready(True)

    def _ready(self, ready: bool) -> None:
        if self.ready != ready:
            self.ready = ready
            self._changed()
