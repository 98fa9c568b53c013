"""One container of a Pod: pulled, started, probed, and started again with a back-off.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from intermodal.sandbox.containers import StartFailed
from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.back_off import BackOff
from intermodal.sandbox.kubernetes.controllers.environment import ConfigError
from intermodal.sandbox.kubernetes.controllers.launch import Launch
from intermodal.sandbox.kubernetes.controllers.probing import Probing
from intermodal.sandbox.kubernetes.controllers.process import Run
from intermodal.sandbox.kubernetes.store import Document

CONFIG_RETRY_SECONDS = 10
MEMORY_CHECK_SECONDS = 0.5
Say = Callable[[str, str, str, str], None]
"""Type, reason, message and field of an event about the Pod."""


class Container:
    """``changed`` is called after each change of its status; ``launch`` makes its command."""

    def __init__(
        self, spec: Document, pod: Document, address: str, folder: Path, session: aiohttp.ClientSession, pace: float,
        launch: Callable[[Document, Path], Any], changed: Callable[[], None], say: Say, before: Document,
    ) -> None:  # fmt: skip
        self.spec, self._pod, self._folder = spec, pod, folder
        self._pace, self._launch, self._changed = pace, launch, changed
        self._field = f"spec.containers{{{spec['name']}}}"
        self._report = say
        self.restarts = int(before.get("restartCount", 0))
        self.state: Document = before.get("state") or {"waiting": {"reason": "ContainerCreating"}}
        self.last: Document = before.get("lastState") or {}
        self.stopping = False
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        self._probing = Probing(spec, address, session, pace, grace, self._say, changed)
        self.run: Run | None = None
        self._image_id, self._crashes = "", BackOff(10 * pace, 300 * pace)
        if "running" in self.state or (self.last and self.state.get("waiting")):
            self._lost()

    def _say(self, kind: str, reason: str, message: str) -> None:
        self._report(kind, reason, message, self._field)

    def _lost(self) -> None:
        """The node went down under it."""
        if started := self.state.get("running"):
            ended = {
                "exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": started["startedAt"],
                "finishedAt": identity.now(),
                "message": "The container could not be located when the pod was restarted",
            }  # fmt: skip
            self.last, self.restarts = {"terminated": ended}, self.restarts + 1
        self.state = {"waiting": {"reason": "ContainerCreating"}}

    @property
    def ready(self) -> bool:
        return self._probing.ready

    def status(self) -> Document:
        found: Document = {
            "name": self.spec["name"], "state": self.state, "lastState": self.last, "ready": self.ready,
            "restartCount": self.restarts, "image": self.spec["image"], "imageID": self._image_id,
            "started": self._probing.started,
        }  # fmt: skip
        if self.run is not None:
            found["containerID"] = f"sandbox://{self.run.identifier}"
        return found

    def log(self, *, previous: bool = False) -> Path:
        return self._folder / f"{self.restarts - previous}.log"

    async def live(self) -> None:
        """Until it has ended for good, by the Pod's restart policy."""
        policy = self._pod["spec"]["restartPolicy"]
        while not self.stopping and "terminated" not in self.state:
            launch = await self._made()
            ended = await self._once(launch)
            again = policy == "Always" or (policy == "OnFailure" and ended["exitCode"])
            if self.stopping or not again:
                self._set({"terminated": ended})
                return
            self.last = {"terminated": ended}
            if wait := self._crashes.next():
                metadata, name = self._pod["metadata"], self.spec["name"]
                where = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
                text = f"back-off {wait / self._pace:.0f}s restarting failed container={name} pod={where}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": text}})
                self._say("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {where}")
                await asyncio.sleep(wait)
            self.restarts += 1

    async def _made(self) -> Launch:
        """The command, once the image is here and all that the spec refers to exists."""
        image, pulls = self.spec["image"], BackOff(0, 300 * self._pace, first=10 * self._pace)
        while True:
            self._say("Normal", "Pulling", f'Pulling image "{image}"')
            try:
                launch: Launch = await self._launch(self.spec, self._folder)
            except StartFailed as error:
                words = f'failed to pull and unpack image "{image}": {error}'
                self._say("Warning", "Failed", f'Failed to pull image "{image}": {words}')
                self._say("Warning", "Failed", "Error: ErrImagePull")
                self._set({"waiting": {"reason": "ErrImagePull", "message": words}})
                wait = pulls.next()
                await asyncio.sleep(min(wait, self._pace))
                text = f'Back-off pulling image "{image}": ErrImagePull: {words}'
                self._say("Normal", "BackOff", f'Back-off pulling image "{image}"')
                self._say("Warning", "Failed", "Error: ImagePullBackOff")
                self._set({"waiting": {"reason": "ImagePullBackOff", "message": text}})
                await asyncio.sleep(wait)
            except ConfigError as error:
                self._say("Warning", "Failed", f"Error: {error}")
                self._set({"waiting": {"reason": "CreateContainerConfigError", "message": str(error)}})
                await asyncio.sleep(CONFIG_RETRY_SECONDS * self._pace)
            else:
                self._say("Normal", "Pulled", f'Successfully pulled image "{image}"')
                self._image_id = image
                return launch

    async def _once(self, launch: Launch) -> Document:
        """One run, with its probes, until its process ends."""
        try:
            self.run = run = await Run.start(launch, self.log())
        except OSError as error:
            words = f"failed to create containerd task: failed to create shim task: {error}"
            self._say("Warning", "Failed", f"Error: {words}")
            now = identity.now()
            return {"exitCode": 128, "reason": "StartError", "message": words, "startedAt": now, "finishedAt": now}
        if self.stopping:
            run.kill()
        self._probing.begin()
        self._say("Normal", "Created", f"Created container: {self.spec['name']}")
        self._say("Normal", "Started", f"Started container {self.spec['name']}")
        self._set({"running": {"startedAt": run.started_at}})
        watchers = [asyncio.create_task(work) for work in (self._probing.watch(run), self._limit_memory(run))]
        try:
            await run.process.wait()
        finally:
            run.kill()
            for task in watchers:
                task.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            self._probing.end()
        return run.ended(self.spec["terminationMessagePolicy"])

    async def _limit_memory(self, run: Run) -> None:
        limit = ((self.spec.get("resources") or {}).get("limits") or {}).get("memory")
        while limit:
            _, used = await asyncio.to_thread(run.usage)
            if used > parts.quantity(limit):
                run.out_of_memory = True
                run.kill()
                return
            await asyncio.sleep(MEMORY_CHECK_SECONDS)

    def _set(self, state: Document) -> None:
        self.state = state
        self._changed()

    async def stop(self, grace: float) -> None:
        """preStop, SIGTERM and, after ``grace`` seconds in all, SIGKILL."""
        self.stopping = self._probing.stopping = True
        run = self.run
        if run is None or run.process.returncode is not None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        self._say("Normal", "Killing", f"Stopping container {self.spec['name']}")
        hook = (self.spec.get("lifecycle") or {}).get("preStop") or {}
        if sleep := (hook.get("sleep") or {}).get("seconds"):
            await self._ends(run, min(sleep * self._pace, grace))
        elif hook:
            self._say("Warning", "FailedPreStopHook", "the sandbox emulates preStop.sleep only")
        run.terminate()
        if not await self._ends(run, max(0.0, deadline - loop.time())):
            run.kill()
            await run.process.wait()

    @staticmethod
    async def _ends(run: Run, seconds: float) -> bool:
        try:
            await asyncio.wait_for(run.process.wait(), seconds)
        except TimeoutError:
            return False
        return True
