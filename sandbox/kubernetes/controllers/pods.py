"""One Pod on the node: its containers, its status, and its end."""

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path

import aiohttp

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.containers import Container, Say
from intermodal.sandbox.kubernetes.controllers.launch import launch
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.controllers.process import kill_left
from intermodal.sandbox.kubernetes.errors import ApiError
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.removal import DeleteOptions
from intermodal.sandbox.kubernetes.resources import POD
from intermodal.sandbox.kubernetes.store import Document

HOST_ADDRESS = "127.0.0.1"


class PodRun:
    """``address`` is its own. ``home`` is the cluster's folder."""

    def __init__(
        self, objects: Objects, options: Options, home: Path, session: aiohttp.ClientSession, pod: Document,
        address: str, say: Say,
    ) -> None:  # fmt: skip
        self._objects, self._pod, self.address, self.uid = objects, pod, address, parts.uid_of(pod)
        self._frozen = False
        before = {each["name"]: each for each in pod["status"].get("containerStatuses") or ()}
        self._started_at = pod["status"].get("startTime") or identity.now()
        made = functools.partial(self._launch, options, home)
        self.containers: list[Container] = []
        for spec in pod["spec"]["containers"]:
            folder, last = home / "pods" / self.uid / spec["name"], before.get(spec["name"], {})
            folder.mkdir(parents=True, exist_ok=True)
            kill_left(last.get("containerID", ""))
            found = Container(spec, pod, address, folder, session, options.pace, made, self.write, say, last)
            self.containers.append(found)
        self._work = asyncio.create_task(self._live())
        self._end: asyncio.Task[None] | None = None

    async def _launch(self, options: Options, home: Path, spec: Document, folder: Path) -> object:
        return await launch(self._objects, options, home, self._pod, spec, self.address, folder)

    async def _live(self) -> None:
        self.write()
        await asyncio.gather(*(container.live() for container in self.containers))

    def write(self) -> None:
        """The Pod's status as of now; not while the node is out, nor when the Pod is gone."""
        stored = self._objects.store.get(POD, *parts.key_of(self._pod))
        if self._frozen or stored is None or parts.uid_of(stored) != self.uid:
            return
        phase, ready = self._phase(), all(container.ready for container in self.containers)
        status: Document = stored["status"] | {
            "phase": phase, "hostIP": HOST_ADDRESS, "hostIPs": [{"ip": HOST_ADDRESS}], "podIP": self.address,
            "podIPs": [{"ip": self.address}], "startTime": self._started_at,
            "containerStatuses": [container.status() for container in self.containers],
        }  # fmt: skip
        lacking = [container.spec["name"] for container in self.containers if not container.ready]
        reason = "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
        why = ("", "") if ready else (reason, f"containers with unready status: [{' '.join(lacking)}]")
        conditions = list(stored["status"].get("conditions") or [])
        for kind in ("PodReadyToStartContainers", "Initialized"):
            conditions = parts.with_condition(conditions, kind, "True")
        for kind in ("Ready", "ContainersReady"):
            conditions = parts.with_condition(conditions, kind, str(ready), *why)
        parts.write_status(self._objects, POD, stored, status | {"conditions": conditions})

    def _phase(self) -> str:
        states = [container.state for container in self.containers]
        if all("terminated" in state for state in states):
            failed = any(state["terminated"]["exitCode"] for state in states)
            return "Failed" if failed else "Succeeded"
        began = any(container.run for container in self.containers)
        return "Running" if began else "Pending"

    def delete(self, grace: float, done: Callable[[], None]) -> None:
        """Begin to end it, once; then it is taken out of the store."""
        if self._end is None:
            self._end = asyncio.create_task(self._delete(grace, done))

    async def _delete(self, grace: float, done: Callable[[], None]) -> None:
        await self.stop(grace)
        try:
            self._objects.delete(POD, *parts.key_of(self._pod), DeleteOptions(grace=0, uid=self.uid))
        except ApiError as error:
            if error.code not in (404, 409):  # forced meanwhile; another Pod may have the name
                raise
        done()

    async def stop(self, grace: float) -> None:
        await asyncio.gather(*(container.stop(grace) for container in self.containers))
        if any(container.run and container.run.process.returncode is None for container in self.containers):
            await asyncio.wait({self._work}, timeout=1)
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        for container in self.containers:
            if container.run is not None:
                container.run.kill()
                await container.run.process.wait()

    async def crash(self) -> None:
        """The node goes down: processes end, and nothing is reported."""
        self._frozen = True
        await self.stop(0)
