"""Containers without a container engine: a real process for each endpoint, with files and a free port of its own.

A reference by digest is pulled from the site's registry, and its file tree is the process's root (``images/run.py``).
The packaged server of this checkout has the reference ``<registry>/intermodal/server:<version>``: it runs from the
checkout, and looks up absolute model paths below ``root`` (the server's ``--root``).
"""

import asyncio
import importlib.metadata
import os
import shutil
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import aiohttp

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.protocol.keys import from_variables, key_text, to_variables
from intermodal.platform.targets import Site, Target
from intermodal.resources.requirements import packages_of
from intermodal.sandbox import clouds
from intermodal.sandbox.front import Context
from intermodal.sandbox.images.run import Image
from intermodal.sandbox.local import scrape
from intermodal.sandbox.settings import IMAGE, free_port
from intermodal.serving.errors import StartError
from intermodal.serving.locate import find_models

PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "TMPDIR")


_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
"""By folder and reference: endpoints that need the same image at once wait for one pull."""


class StartFailed(Exception):
    """The container did not become healthy; the message is what a cloud would report."""


async def pull(image: str, context: Context, env: Mapping[str, str] = MappingProxyType({})) -> Image | None:
    """The image of a reference by digest, pulled and unpacked once; None for the packaged server of this checkout.
    StartFailed when the site's registry has no such image, or it is not signed by a key that ``env`` trusts."""
    if "@sha256:" not in image:
        check_image(image)
        return None
    account = Site(context.site.cloud)
    keys = to_variables(map(key_text, from_variables(env)))
    environ = os.environ | keys | clouds.variables(context.settings, dict.fromkeys((account, context.site)))
    return await fetch(str(context.site), image, context.home / "images", environ)


async def fetch(site: str, image: str, folder: Path, environ: Mapping[str, str]) -> Image:
    """Pull from the site's registry into ``folder``, with the credentials of ``environ``. StartFailed as above."""
    async with _locks[f"{folder} {image}"]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "intermodal.sandbox.images.pull", site, image, str(folder)),
            env=environ, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, words = await process.communicate()
    if process.returncode:
        raise StartFailed(f"CannotPullContainer: {image}: {words.decode(errors='replace').strip()[-600:]}")
    try:
        return await asyncio.to_thread(Image.read, folder, image.rpartition("@")[2])
    except OSError as error:
        raise StartFailed(f"CannotStartContainer: {image}: {error}") from error


def check_image(image: str) -> None:
    """The one image that is not pulled: the packaged server of this checkout, tagged with the package's version."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name.endswith(IMAGE):
        raise StartFailed(f"CannotPullContainer: no image '{image}' (the sandbox holds '<registry>/{IMAGE}')")
    if tag != importlib.metadata.version("intermodal"):
        raise StartFailed(f"CannotPullContainer: manifest for '{image}' unknown")


@dataclass
class Container:
    """A running server. ``url`` has no trailing slash."""

    process: asyncio.subprocess.Process
    port: int
    log: Path
    ended: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def stop(self, seconds: float = 10) -> None:
        """SIGTERM, then SIGKILL, as every container runtime does."""
        if not self.alive:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        if self.ended is not None:
            await self.ended

    def reason(self) -> str:
        """The last lines that it wrote."""
        lines = self.log.read_text("utf-8", errors="replace").splitlines()[-5:] if self.log.exists() else []
        return " | ".join(lines) or "it wrote nothing"


async def start(
    image: str,
    root: Path,
    env: Mapping[str, str],
    health: str,
    context: Context,
    target: Target,
    seconds: float = 60,
) -> Container:
    """Start the image with its files below ``root`` and wait until ``health`` (a path) answers 200.

    Raises StartFailed with a reason. The process stays in its site's process group, so that it dies with the site.
    """
    pulled = await pull(image, context, env)
    root.mkdir(parents=True, exist_ok=True)
    packages = await asyncio.to_thread(packages_option, env, root) if pulled is None else ()
    port, log = free_port(), root.with_suffix(".log")
    command, environ = _command(pulled, root, port, packages)
    with log.open("wb") as output:
        if pulled is not None:
            output.write(f"sandbox: {image} runs by {pulled.way}\n".encode())
            output.flush()
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environ | dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    container = Container(process, port, log)
    try:
        await _healthy(container, health, context.session, seconds)
    except BaseException:
        await container.stop(seconds=1)
        raise
    container.ended = asyncio.create_task(_listed(process, scrape.announce(root, port, target)))
    return container


def packages_option(env: Mapping[str, str], root: Path) -> Sequence[str]:
    """The option that gives the server what the image has in a layer of its own: the packages of its models."""
    try:
        folders = [packages_of(folder) for folder in find_models(env, root)]
    except (StartError, SpecError):
        return ()  # there is no package, or it is damaged: the server says so itself
    except IntermodalError as error:
        raise StartFailed(f"CannotPullContainer: {error}") from error
    return [part for folder in folders if folder for part in ("--packages", str(folder))]


def _command(pulled: Image | None, root: Path, port: int, packages: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The program and its environment: the image's own where there is one."""
    address = ["--host", "127.0.0.1", "--port", str(port)]
    if pulled is not None:
        return pulled.command(root, ["serve", *address]), dict(pulled.environment)
    server = [sys.executable, "-P", "-m", "intermodal.serving", "serve", "--root", str(root)]
    return [*server, *address, *packages], {name: os.environ[name] for name in PASSED_ON if name in os.environ}


async def _listed(process: asyncio.subprocess.Process, listing: Path) -> None:
    """Prometheus scrapes a server for as long as it runs."""
    await process.wait()
    listing.unlink(missing_ok=True)


async def _healthy(container: Container, health: str, session: aiohttp.ClientSession, seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if not container.alive:
            raise StartFailed(f"the container exited with {container.process.returncode}: {container.reason()}")
        try:
            async with session.get(container.url + health) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass  # not listening yet
        await asyncio.sleep(0.05)
    raise StartFailed(f"{health} did not answer 200 within {seconds:.0f} s: {container.reason()}")


def fresh_root(folder: Path) -> Path:
    """An empty root folder for a new container."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
