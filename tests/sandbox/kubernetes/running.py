"""A cluster of the sandbox in a thread of this process, and kubectl as its client."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from intermodal.sandbox.kubernetes.server import KUBECONFIG, Cluster, Settings

KUBECTL = Path(sys.executable).with_name("kubectl")
T = TypeVar("T")


@dataclass
class Running:
    cluster: Cluster
    loop: asyncio.AbstractEventLoop

    def call(self, work: Callable[[], T]) -> T:
        """Run in the server's thread, as a controller would."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    @property
    def kubeconfig(self) -> Path:
        return self.cluster.settings.home / KUBECONFIG


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    ready, found, failed = threading.Event(), [], []

    async def serve(stop: asyncio.Event) -> None:
        cluster = Cluster(settings)
        async with cluster.running():
            found.append((Running(cluster, asyncio.get_running_loop()), stop))
            ready.set()
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(serve(asyncio.Event()))
        except BaseException as error:  # noqa: BLE001  reported to the test's thread
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(60)
    if failed:
        raise failed[0]
    server, stop = found[0]
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(stop.set)
        thread.join(30)


@dataclass(frozen=True)
class Kubectl:
    """The official client, with a namespace, a configuration and a cache of its own."""

    kubeconfig: Path
    namespace: str
    cache: Path

    def run(self, *arguments: str, stdin: object = None) -> subprocess.CompletedProcess[str]:
        text = None if stdin is None else stdin if isinstance(stdin, str) else json.dumps(stdin)
        command = [KUBECTL, f"--cache-dir={self.cache}", f"--namespace={self.namespace}", *arguments]
        return subprocess.run(command, input=text, env=self.environment(), capture_output=True, text=True, timeout=60)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.cache)}

    def __call__(self, *arguments: str, stdin: object = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *arguments: str, stdin: object = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    container = {"name": "server", "image": "registry/web:1", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    base = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": base | spec}


def config_map(name: str = "settings", labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
