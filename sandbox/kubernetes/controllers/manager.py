"""All controllers of a cluster in one task. They look at everything after each change and do what differs, so a server
that starts again takes up what exists."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from intermodal.sandbox.kubernetes.controllers.addresses import Addresses
from intermodal.sandbox.kubernetes.controllers.autoscalers import Autoscalers
from intermodal.sandbox.kubernetes.controllers.deployments import Deployments
from intermodal.sandbox.kubernetes.controllers.endpoints import Endpoints
from intermodal.sandbox.kubernetes.controllers.jobs import Jobs
from intermodal.sandbox.kubernetes.controllers.kubelet import Kubelet
from intermodal.sandbox.kubernetes.controllers.logs import Logs
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.controllers.replica_sets import ReplicaSets
from intermodal.sandbox.kubernetes.controllers.scheduler import Scheduler
from intermodal.sandbox.kubernetes.controllers.services import Services
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.resources import EVENT, LEASE
from intermodal.sandbox.kubernetes.store import Change
from intermodal.sandbox.proxy import new_session

_LOG = logging.getLogger(__name__)
RETRY_SECONDS = 1.0
GATHER_SECONDS = 0.005
"""Changes within this time are looked at together."""


class Controllers:
    """``control`` False: nothing is decided any more, but Pods run and addresses answer (the control plane is out)."""

    def __init__(self, objects: Objects, options: Options, home: Path, port: int) -> None:
        self._objects, self._session, self.control = objects, new_session(), True
        addresses = Addresses(port)
        self.kubelet = Kubelet(objects, options, home, addresses, self._session)
        self.services, self._endpoints = Services(objects, addresses), Endpoints(objects)
        self.logs = Logs(self.kubelet, home)
        deciding = (Scheduler(objects, options), Jobs(objects), ReplicaSets(objects), Deployments(objects),
            Autoscalers(objects, self.kubelet, options.pace))  # fmt: skip
        self._deciding: list[Callable[[], float | None]] = [each.sync for each in deciding]
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look at everything again although nothing in the store has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled; then every Pod's process ends."""
        try:
            self.kubelet.register()
            listening = asyncio.create_task(self._listen())
            try:
                await self._work()
            finally:
                listening.cancel()
        finally:
            await self.services.cut()
            await self.kubelet.stop()
            await self._session.close()

    async def _listen(self) -> None:
        while True:
            queue = self._objects.store.subscribe()
            self._wake.set()
            try:
                while (change := await queue.get()) is not None:
                    if _matters(change):
                        self._wake.set()
            finally:
                self._objects.store.unsubscribe(queue)

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            again = [await self._attempt(work) for work in (self._decide, self._act)]
            seconds = min((each for each in again if each is not None), default=None)
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                continue
            await asyncio.sleep(GATHER_SECONDS)

    async def _attempt(self, work: Callable[[], Awaitable[float | None]]) -> float | None:
        try:
            return await work()
        except Exception:  # noqa: BLE001 one wrong object must not stop the others' controllers
            _LOG.exception("a controller failed; it tries again")
            return RETRY_SECONDS

    async def _decide(self) -> float | None:
        if not self.control:
            return None
        again = [work() for work in self._deciding]
        self._endpoints.sync()
        return min((each for each in again if each is not None), default=None)

    async def _act(self) -> float | None:
        """Load balancers before Pods, so that a Pod that ends gets no new connection."""
        again = await self.services.balance()
        self.kubelet.sync()
        return again

    async def nodes(self, *, up: bool) -> None:
        """Take the node with all Pods and addresses down, or bring it back."""
        if up:
            self.kubelet.up = self.services.up = True
        else:
            await self.services.cut()
            await self.kubelet.go_down()
        self.kubelet.register()
        if not up:
            self.kubelet.mark_lost()
        self.wake()


def _matters(change: Change) -> bool:
    return change.resource not in (EVENT, LEASE)
