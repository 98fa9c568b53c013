"""The parent of several processes: it accepts connections and gives them to the workers in turn.

The loader is forked before the event loop runs and before any thread starts. Until a worker is ready, the parent
answers by itself, as a single process does while it loads, and closes each connection after its answer, so that no
client stays on it.
"""

import asyncio
import errno
import os
import signal
import socket
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import uvicorn

from intermodal.platform.errors import IntermodalError
from intermodal.serving import lifecycle
from intermodal.serving.contract import STOP
from intermodal.serving.errors import print_status
from intermodal.serving.http.app import App
from intermodal.serving.metrics import Counts, Metrics
from intermodal.serving.processes.channel import packet_pair, read, receive_packet, write
from intermodal.serving.processes.connections import ConnectionServer
from intermodal.serving.processes.figures import CPU, Processes, of_this_process, total
from intermodal.serving.processes.handle import WorkerHandle
from intermodal.serving.processes.loader import Loader, fork
from intermodal.serving.service import Service

MAX_UNTAKEN = 8
"""A worker that has not taken so many connections yet is passed over while another one is quicker."""
FIGURES_SECONDS = 1.0
"""How long a scrape waits for a busy worker. After that its last report counts."""
FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
FULL_SECONDS = 1.0
"""How long nothing is accepted when there are no file descriptors or no memory for another connection."""
POLL_SECONDS = 0.02
END_SECONDS = STOP.seconds - 0.1
"""So long after the signal to stop, the parent ends whatever the loader does."""


class Parent(ConnectionServer):
    """uvicorn's server for connections that no worker can take. ``loader`` is the channel of the loader, and
    ``loader_process`` its id."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        listener: socket.socket,
        loader: socket.socket,
        loader_process: int,
    ) -> None:
        super().__init__(config, service)
        self._listener, self._loader, self._loader_process = listener, loader, loader_process
        self._workers: deque[WorkerHandle] = deque()
        self._ended, self._ended_cpu, self._replaced = [Counts(counts.model) for counts in service.all_counts], 0.0, 0
        self._loaded = self._loader_ended = self._killed = self._stopping = False
        service.metrics_of_all = self._metrics

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for readable, callback in ((self._listener, self._accept), (self._loader, self._read_loader)):
            readable.setblocking(False)
            self._loop.add_reader(readable, callback)

    def _accept(self) -> bool:
        """Accept one connection and give it to a worker. Returns whether there was one."""
        try:
            connection, _ = self._listener.accept()
        except OSError as error:  # mostly: there is none, or the client is gone
            if error.errno in FULL:
                self._loop.remove_reader(self._listener)
                self._loop.call_later(FULL_SECONDS, self._accept_again)
            return False
        self._hand_over(connection)
        return True

    def _accept_again(self) -> None:
        if not self._stopping:
            self._loop.add_reader(self._listener, self._accept)

    def _hand_over(self, connection: socket.socket) -> None:
        """Give a connection to the next worker in turn, else answer it here."""
        ready = [worker for worker in self._workers if worker.ready]
        quick = [worker for worker in ready if len(worker.untaken) < MAX_UNTAKEN]
        for worker in quick or ready:
            if worker.give(connection):
                self._workers.remove(worker)
                self._workers.append(worker)
                return
        self.serve_connection(connection)

    def _read_loader(self) -> None:
        """Read of a new worker, or of the end of the loader."""
        try:
            process, (given, control) = receive_packet(self._loader)
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self._loop.remove_reader(self._loader)
            self._loader_ended = True
            self.should_exit = True
            return
        self._loaded = True
        if self._stopping:
            given.close()
            control.close()
            return
        given.setblocking(False)
        worker = WorkerHandle(process, given)
        self._workers.append(worker)
        self.start_task(self._read_worker(worker, control))

    async def _read_worker(self, worker: WorkerHandle, control: socket.socket) -> None:
        """Read what a worker writes, until it ends."""
        reader, worker.writer = await asyncio.open_connection(sock=control)
        try:
            while True:
                self._react(worker, await read(reader))
        except (EOFError, OSError):
            worker.writer.close()
            self._forget(worker)

    def _react(self, worker: WorkerHandle, message: Any) -> None:
        match message:
            case "taken":
                worker.untaken.popleft().close()
            case "report", requested, counts, figures:
                worker.counts, worker.figures = counts, figures
                if requested and not (future := worker.scrapes.popleft()).done():
                    future.set_result(None)
            case "scrape":
                self.start_task(self._answer_scrape(worker))
            case "ready" if not self._stopping:
                worker.ready = True
            case "drain":
                worker.drain()

    def _forget(self, worker: WorkerHandle) -> None:
        """Keep the figures of a worker that has ended, and give the connections that it had not taken to others."""
        self._workers.remove(worker)
        worker.drain()
        self._ended = total([self._ended, worker.counts])
        self._ended_cpu += worker.figures.get(CPU, 0)
        for counts in self._ended:
            counts.in_flight = 0
        for future in worker.scrapes:
            if not future.done():
                future.set_result(None)
        if not self._stopping:
            self._replaced += 1
        for connection in worker.untaken:
            self._hand_over(connection)

    async def _answer_scrape(self, worker: WorkerHandle) -> None:
        text = await self._metrics()
        if worker.reads_messages and worker.writer:
            write(worker.writer, ("metrics", text))

    async def _metrics(self) -> bytes:
        """The metrics of all processes: of the workers, of the parent, and of workers that have ended."""
        answers = []
        for worker in self._workers:
            if worker.reads_messages and worker.writer:
                write(worker.writer, "figures")
                worker.scrapes.append(self._loop.create_future())
                answers.append(worker.scrapes[-1])
        if answers:
            await asyncio.wait(answers, timeout=FIGURES_SECONDS)
        counts = total([self._service.all_counts, self._ended, *(worker.counts for worker in self._workers)])
        living = [of_this_process(), *(worker.figures for worker in self._workers)]
        serving = sum(worker.ready for worker in self._workers)
        processes = Processes(living, self._ended_cpu, serving, self._replaced)
        identity = self._service.settings.identity
        return Metrics(identity, counts, lambda _: serving > 0 and not self._stopping, processes).text()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hand over what the kernel has accepted, let all workers drain, and wait for them."""
        self._loop.remove_reader(self._listener)
        while self._accept():
            pass
        self._listener.close()
        self._stopping = True
        for worker in self._workers:
            worker.drain()
        self._loader.shutdown(socket.SHUT_WR)
        if not self._loaded and not self._loader_ended:
            self._kill_loader()  # nothing is lost while it loads
        until = self._loop.time() + END_SECONDS
        while (self._workers or not self._loader_ended) and self._loop.time() < until:
            await asyncio.sleep(POLL_SECONDS)
        await super().shutdown(sockets)

    def _kill_loader(self) -> None:
        os.kill(self._loader_process, signal.SIGKILL)
        self._killed = True

    def reap_loader(self) -> int:
        """Wait for the loader. Returns the exit code of the whole."""
        late = not self._loader_ended
        if late and not self._killed:
            self._kill_loader()
        _, status = os.waitpid(self._loader_process, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0 and not self._killed:
            print_status(f"the process that had loaded the models ended by signal {signal.Signals(-code).name}")
        return int(self._loaded or not self._service.draining) if code < 0 else code


def serve(service: Service, listener: socket.socket, environment: Mapping[str, str]) -> int:
    """Serve with several processes. Returns the exit code, as ``server.run`` does."""
    channel, other = packet_pair()

    def load() -> int:
        listener.close()
        channel.close()
        return Loader(service, other, environment).run()

    loader = fork(load)
    other.close()
    try:
        lifecycle.log_store(service.settings, environment)  # only a check: each worker opens one of its own
    except IntermodalError as error:
        print_status(str(error))
        os.kill(loader, signal.SIGKILL)
        return 1
    app = App(service)
    app.response_headers.append((b"connection", b"close"))
    config = lifecycle.config_of(app, replace(service.settings, fast_path=False))
    server = Parent(config, service, listener, channel, loader)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises the signal again after draining
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[]))
    app.close(0)
    return server.reap_loader()
