"""The node: it runs the Pods that are assigned to it, and reports what becomes of them."""

import asyncio
import shutil
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.addresses import Addresses
from intermodal.sandbox.kubernetes.controllers.containers import Say
from intermodal.sandbox.kubernetes.controllers.events import Recorder
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.controllers.pods import PodRun
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import NODE, POD
from intermodal.sandbox.kubernetes.store import Document

PODS = 110


class Kubelet:
    def __init__(
        self, objects: Objects, options: Options, home: Path, addresses: Addresses, session: aiohttp.ClientSession
    ) -> None:
        self._objects, self._options, self._home = objects, options, home
        self._addresses, self._session, self.up = addresses, session, True
        self.running: dict[str, PodRun] = {}
        self._events, self._nodes = Recorder(objects, "kubelet"), Recorder(objects, "node-controller")
        self._ends: set[asyncio.Task[None]] = set()

    def register(self) -> None:
        """The Node object, with what its options say."""
        name, capacity = self._options.node, {"cpu": self._options.cpu, "memory": self._options.memory}
        if self._objects.store.get(NODE, "", name) is None:
            labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
            self._objects.create(NODE, {"metadata": {"name": name, "labels": labels}})
        node, room = self._objects.get(NODE, "", name), capacity | {"pods": str(PODS)}
        status = ("True", "KubeletReady", "kubelet is posting ready status")
        if not self.up:
            status = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
        conditions = parts.with_condition(node.get("status", {}).get("conditions") or [], "Ready", *status)
        addresses = [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}]
        known = {"capacity": room, "allocatable": room, "conditions": conditions, "addresses": addresses}
        parts.write_status(self._objects, NODE, node, known)

    def sync(self) -> None:
        if not self.up:
            return
        mine = {}
        for pod in self._objects.list(POD):
            if pod["spec"].get("nodeName") == self._options.node:
                mine[parts.uid_of(pod)] = pod
        for uid, pod in mine.items():
            if parts.is_over(pod) and not parts.leaving(pod):
                continue
            if uid not in self.running:
                address = self._addresses.of(uid, pod["status"].get("podIP", ""))
                self.running[uid] = PodRun(self._objects, self._options, self._home, self._session, pod, address,
                    self._say(pod))  # fmt: skip
            if parts.leaving(pod):
                grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
                self.running[uid].delete(grace, partial(self._gone, uid))
        for uid in self.running.keys() - mine.keys():
            self._later(self._forced(self.running.pop(uid)))

    def _say(self, pod: Document) -> Say:
        def say(kind: str, reason: str, message: str, field: str) -> None:
            write = self._events.warning if kind == "Warning" else self._events.normal
            write(pod, reason, message, field)

        return say

    def _gone(self, uid: str) -> None:
        self.running.pop(uid, None)
        self._addresses.release(uid)
        shutil.rmtree(self._home / "pods" / uid, ignore_errors=True)

    async def _forced(self, run: PodRun) -> None:
        """Deleted without a grace period: its process is killed behind the object that is gone."""
        await run.stop(0)
        self._gone(run.uid)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    def cpu_seconds(self, uid: str) -> float:
        """What the processes of a Pod have used so far. KeyError when none runs."""
        runs = [container.run for container in self.running[uid].containers if container.run]
        return sum(run.usage()[0] for run in runs)

    async def go_down(self) -> None:
        """As a node that loses its power: every process ends at once, and no node reports it."""
        self.up = False
        runs = list(self.running.values())
        self.running.clear()
        await asyncio.gather(*(run.crash() for run in runs))

    def mark_lost(self) -> None:
        """What the node controller writes on Pods of a node that is silent. It waits 40 s for that, and evicts after
        300 s; here it is at once, and Pods stay."""
        for pod in self._objects.list(POD):
            if pod["spec"].get("nodeName") == self._options.node and parts.is_ready(pod):
                conditions = parts.with_condition(pod["status"]["conditions"], "Ready", "False")
                parts.write_status(self._objects, POD, pod, pod["status"] | {"conditions": conditions})
                self._nodes.warning(pod, "NodeNotReady", "Node is not ready")

    async def stop(self) -> None:
        await self.go_down()
        await asyncio.gather(*self._ends, return_exceptions=True)
