"""The process of one run of a container: its start, its end, what it uses, and its log."""

import asyncio
import signal
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from intermodal.sandbox.kubernetes import identity
from intermodal.sandbox.kubernetes.controllers.launch import Launch

MESSAGE_BYTES, MESSAGE_LINES = 2048, 80
"""Of a termination message from the log."""


@dataclass
class Run:
    process: asyncio.subprocess.Process
    log: Path
    started_at: str = field(default_factory=identity.now)
    out_of_memory: bool = False

    @classmethod
    async def start(cls, launch: Launch, log: Path) -> "Run":
        """In the group of the cluster's process, so that it dies with it. OSError when there is no such program."""
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *launch.command, env=launch.environ, cwd=launch.folder, stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
        return cls(process, log)

    @property
    def identifier(self) -> str:
        return identifier(self.process.pid)

    def usage(self) -> tuple[float, int]:
        """CPU seconds so far and bytes in memory, of the process and its children."""
        seconds, memory = 0.0, 0
        for process in tree(self.process.pid):
            try:
                times = process.cpu_times()
                seconds, memory = seconds + times.user + times.system, memory + process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return seconds, memory

    def terminate(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """With its children, as the end of a container's pid namespace ends them."""
        if self.process.returncode is None:
            kill_tree(self.process.pid)

    def ended(self, policy: str) -> dict[str, object]:
        """The state ``terminated``."""
        code = self.process.returncode or 0
        number = code if code >= 0 else 128 - code
        reason = "OOMKilled" if self.out_of_memory else "Completed" if code == 0 else "Error"
        state: dict[str, object] = {
            "exitCode": number, "reason": reason, "startedAt": self.started_at, "finishedAt": identity.now(),
            "containerID": f"sandbox://{self.identifier}",
        }  # fmt: skip
        if policy == "FallbackToLogsOnError" and number and (tail := self._tail()):
            state["message"] = tail
        return state

    def _tail(self) -> str:
        lines = self.log.read_bytes().splitlines(keepends=True)[-MESSAGE_LINES:]
        return b"".join(lines)[-MESSAGE_BYTES:].decode(errors="replace")


def identifier(pid: int) -> str:
    """Of a process, also when its number is given again."""
    try:
        return f"{pid}-{int(psutil.Process(pid).create_time())}"
    except psutil.NoSuchProcess:
        return f"{pid}-0"


def tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_tree(pid: int) -> None:
    for process in tree(pid):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def kill_left(container_id: str) -> None:
    """End what an earlier server of this cluster left running."""
    found = container_id.removeprefix("sandbox://")
    pid = found.partition("-")[0]
    if pid.isdigit() and identifier(int(pid)) == found:
        kill_tree(int(pid))
