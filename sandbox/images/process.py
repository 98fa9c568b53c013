"""A site's docker-registry: its configuration, and its process, which starts with the first request."""

import asyncio
import json
import os
import secrets
from pathlib import Path

import aiohttp

from intermodal.platform.errors import IntermodalError
from intermodal.sandbox.images import program
from intermodal.sandbox.settings import free_port

START_SECONDS = 30
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")


class Process:
    """``home`` keeps the images; they survive an outage. The process is in its site's group and dies with the site."""

    def __init__(self, home: Path, session: aiohttp.ClientSession) -> None:
        self._home, self._session = home, session
        self._process: asyncio.subprocess.Process | None = None
        self._port, self._lock = 0, asyncio.Lock()

    async def url(self) -> str:
        """The registry's address, once it answers. IntermodalError when the program is not installed or ends."""
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                await self._start()
        return f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _start(self) -> None:
        path, self._port = program.find(), free_port()
        config = self._write_config()
        environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with (self._home / "log").open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *(path, "serve", str(config)),
                env={**environ, "OTEL_TRACES_EXPORTER": "none"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not await self._answers():
            if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                await self.stop()
                raise IntermodalError(f"{program.NAME} did not start: {self._reason()}")
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            async with self._session.get(f"http://127.0.0.1:{self._port}/v2/") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def _write_config(self) -> Path:
        """JSON, which is YAML. The secret signs the states of uploads, which do not outlive the process."""
        self._home.mkdir(parents=True, exist_ok=True)
        path = self._home / "config.yml"
        path.touch(mode=0o600)
        config = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self._home / "data")}, "delete": {"enabled": True}},
            "http": {
                "addr": f"127.0.0.1:{self._port}",
                "relativeurls": True,
                "secret": secrets.token_hex(16),
            },
        }
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")
        return path

    def _reason(self) -> str:
        return " | ".join((self._home / "log").read_text("utf-8", errors="replace").splitlines()[-5:])
