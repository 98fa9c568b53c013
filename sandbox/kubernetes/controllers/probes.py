"""Probes of a running container: when it has started, whether it is ready, and when it must be restarted.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

import asyncio
from collections.abc import Callable

import aiohttp

from intermodal.sandbox.kubernetes.controllers.environment import ConfigError
from intermodal.sandbox.kubernetes.store import Document


def port_of(container: Document, port: int | str) -> int:
    """A number, or the name of one of the container's ports."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for each in container.get("ports") or ():
        if each.get("name") == port:
            return int(each["containerPort"])
    raise ConfigError(f'couldn\'t find port "{port}" in container "{container["name"]}"')


async def failure(probe: Document, container: Document, address: str, session: aiohttp.ClientSession) -> str:
    """Why one attempt failed, in the kubelet's words; empty when it succeeded."""
    seconds = probe["timeoutSeconds"]
    if http := probe.get("httpGet"):
        host, port = http.get("host") or address, port_of(container, http["port"])
        url = f"{http['scheme'].lower()}://{host}:{port}/{http['path'].removeprefix('/')}"
        headers = {each["name"]: each["value"] for each in http.get("httpHeaders") or ()}
        try:
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with session.get(url, headers=headers, timeout=timeout, ssl=False) as answer:
                good = 200 <= answer.status < 400
                return "" if good else f"HTTP probe failed with statuscode: {answer.status}"
        except TimeoutError:
            return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        except (aiohttp.ClientError, OSError) as error:
            words = "connect: connection refused" if isinstance(error, aiohttp.ClientConnectorError) else str(error)
            return f'Get "{url}": dial tcp {host}:{port}: {words}'
    if tcp := probe.get("tcpSocket"):
        host, port = tcp.get("host") or address, port_of(container, tcp["port"])
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), seconds)
        except (OSError, TimeoutError):
            return f"dial tcp {host}:{port}: connect: connection refused"
        writer.close()
        return ""
    raise ConfigError("the sandbox emulates probes by httpGet and tcpSocket only")


class Watch:
    """One probe of one run. ``good`` and ``bad`` are called at its thresholds, ``failed`` at each failure."""

    def __init__(
        self,
        probe: Document,
        attempt: Callable[[Document], "asyncio.Future[str]"],
        pace: float,
        good: Callable[[], None],
        bad: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._probe, self._attempt, self._pace = probe, attempt, pace
        self._good, self._bad, self._failed = good, bad, failed

    async def run(self, *, once: bool = False) -> bool:
        """``once``: until either threshold; whether it was the good one."""
        probe, passed, missed = self._probe, 0, 0
        await asyncio.sleep(probe.get("initialDelaySeconds", 0) * self._pace)
        while True:
            words = await self._attempt(probe)
            if words:
                passed, missed = 0, missed + 1
                self._failed(words)
                if missed >= probe["failureThreshold"]:
                    self._bad()
                    if once:
                        return False
            else:
                passed, missed = passed + 1, 0
                if passed >= probe["successThreshold"]:
                    self._good()
                    if once:
                        return True
            await asyncio.sleep(probe["periodSeconds"] * self._pace)
