"""The loader: one process without threads that loads the models and forks each worker.

Workers share the memory of the loaded models until they write to it. A process that runs threads cannot be forked
safely, so neither the parent nor a worker can do this.
"""

import ctypes
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, perf_counter

from intermodal.platform.errors import IntermodalError
from intermodal.serving.contract import STOP
from intermodal.serving.errors import join_names, print_status
from intermodal.serving.loading import load_models
from intermodal.serving.processes.channel import packet_pair, send_packet
from intermodal.serving.service import Service

SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
KILL_SECONDS = STOP.seconds - 0.3
"""So long after the signal to stop, workers that still run are killed."""
EARLY_SECONDS = 5.0
"""A worker that ends earlier than this after its start ended early."""
MAX_EARLY_ENDS = 5
"""After so many early ends in a row the server ends, so that its platform sees it."""
TASKS = Path("/proc/self/task")
SAFE_THREADS = frozenset({"jemalloc_bg_thd"})
"""pandas loads pyarrow, whose allocator jemalloc runs a thread that it stops before a fork and starts after it."""
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.1, 5.0


def unsafe_threads() -> list[str]:
    """Names of this process's threads, other than the main one, that make a fork unsafe: what they hold stays locked in
    the new process."""
    ids = {int(task.name) for task in TASKS.iterdir()} - {os.getpid()}
    names = [(TASKS / str(number) / "comm").read_text().strip() for number in sorted(ids)]
    return [name for name in names if name not in SAFE_THREADS]


def fork(run: Callable[[], int]) -> int:
    """Run a function in a new process. Returns its id. The new process ends with the function's value."""
    sys.stderr.flush()
    if process := os.fork():
        return process
    code = 1
    try:
        code = run()
    except BaseException:  # noqa: BLE001 the new process must not return into its parent's frames
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Loader:
    """Runs in the loader's process. ``parent`` takes a packet with two sockets for each worker."""

    def __init__(self, service: Service, parent: socket.socket, environment: Mapping[str, str]) -> None:
        self._service, self._parent, self._environment = service, parent, environment
        self._started: dict[int, float] = {}
        self._early, self._code = 0, 0
        self._woken, self._wake = socket.socketpair()

    def run(self) -> int:
        """Load, then keep the workers running until the parent closes. Returns the exit code of the whole."""
        parent_id = os.getppid()
        _end_with_parent(signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # the parent's decision
        began = perf_counter()
        try:
            load_models(self._service)
        except IntermodalError as error:
            print_status(str(error))
            return 1
        if os.getppid() != parent_id:
            return 1
        _end_with_parent(0)  # from here on the end of the parent's channel is noticed
        if threads := unsafe_threads():
            print_status(f"one process serves, because loading the model has started threads: {join_names(threads)}")
            return self._serve_here()
        print_status(f"loaded after {perf_counter() - began:.1f} s, {self._service.settings.processes} processes")
        self._watch_children()
        try:
            for _ in range(self._service.settings.processes):
                self._start()
            self._keep_running()
        except OSError:  # the end of the parent
            pass
        return self._end()

    def _watch_children(self) -> None:
        for end in (self._woken, self._wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())

    def _start(self) -> None:
        """Fork a worker and give its channels to the parent."""
        (given, own_given), (control, own_control) = packet_pair(), socket.socketpair()
        process = fork(lambda: self._be_worker((given, control), (own_given, own_control)))
        self._started[process] = monotonic()
        send_packet(self._parent, process, given, control)
        for end in (given, own_given, control, own_control):
            end.close()

    def _be_worker(self, parents: tuple[socket.socket, socket.socket], own: tuple[socket.socket, socket.socket]) -> int:
        from intermodal.serving.processes.worker import serve

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (*parents, self._parent, self._woken, self._wake):
            end.close()
        return serve(self._service, *own, self._environment)

    def _serve_here(self) -> int:
        from intermodal.serving.processes.worker import serve

        (given, own_given), (control, own_control) = packet_pair(), socket.socketpair()
        send_packet(self._parent, os.getpid(), given, control)
        given.close()
        control.close()
        return serve(self._service, own_given, own_control, self._environment)

    def _keep_running(self) -> None:
        """Replace workers that end, until the parent closes or too many end early."""
        while True:
            readable, _, _ = select.select([self._parent, self._woken], [], [])
            if self._parent in readable:
                return
            self._woken.recv(4096)
            for process, ended_early, code in self._reap():
                how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
                self._early = self._early + 1 if ended_early else 0
                if self._early >= MAX_EARLY_ENDS:
                    print_status(f"process {process} ended {how}: {self._early} in a row ended soon after their start")
                    self._code = 1
                    return
                print_status(f"process {process} ended {how}; another one starts")
                pause = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._early) if self._early > 1 else 0
                if select.select([self._parent], [], [], pause)[0]:
                    return
                self._start()

    def _reap(self) -> list[tuple[int, bool, int]]:
        """For each worker that has ended: its id, whether it ended early, and its exit code (or minus a signal)."""
        ended = []
        while self._started:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            started = self._started.pop(process, None)
            if started is not None:
                ended.append((process, monotonic() - started < EARLY_SECONDS, os.waitstatus_to_exitcode(status)))
        return ended

    def _end(self) -> int:
        """Wait for the workers, which drain because the parent has closed their channels. Kill those that do not."""
        self._parent.shutdown(socket.SHUT_WR)
        until = monotonic() + KILL_SECONDS
        while self._started:
            for process, _, code in self._reap():
                self._code = max(self._code, 1 if code else 0)
                if code < 0:
                    print_status(f"process {process} ended by signal {signal.Signals(-code).name}")
            if self._started and not select.select([self._woken], [], [], max(0, until - monotonic()))[0]:
                print_status(f"killed {len(self._started)} processes that did not stop in time")
                for process in self._started:
                    os.kill(process, signal.SIGKILL)
                return 1
            if self._started:
                self._woken.recv(4096)
        return self._code


def _end_with_parent(number: int) -> None:
    """Let the kernel send a signal when the parent ends. 0 takes that back."""
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, number)
