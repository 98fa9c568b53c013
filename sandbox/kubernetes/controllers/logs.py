"""/log of a Pod: what a container's process wrote. stdout and stderr are one stream, as the node keeps them."""

import asyncio
from pathlib import Path

from aiohttp import web

from intermodal.sandbox.kubernetes.controllers import parts
from intermodal.sandbox.kubernetes.controllers.containers import Container
from intermodal.sandbox.kubernetes.controllers.kubelet import Kubelet
from intermodal.sandbox.kubernetes.errors import bad_request, not_emulated
from intermodal.sandbox.kubernetes.requests import flag, number
from intermodal.sandbox.kubernetes.store import Document

POLL_SECONDS = 0.05
_LACKING = ("timestamps", "sinceSeconds", "sinceTime", "stream")


class Logs:
    def __init__(self, kubelet: Kubelet, home: Path) -> None:
        self._kubelet, self._home = kubelet, home

    async def serve(self, request: web.Request, pod: Document) -> web.StreamResponse:
        query = request.query
        for name in _LACKING:
            if query.get(name) not in (None, "", "false"):
                raise not_emulated(f"logs by {name}")
        name, spec = query.get("container", ""), pod["spec"]["containers"]
        names = [each["name"] for each in spec]
        pod_name = pod["metadata"]["name"]
        if not name and len(names) > 1:
            raise bad_request(f"a container name must be specified for pod {pod_name}, choose one of: {names}")
        name = name or names[0]
        if name not in names:
            raise bad_request(f"container {name} is not valid for pod {pod_name}")
        run = self._kubelet.running.get(parts.uid_of(pod))
        container = next((each for each in run.containers if each.spec["name"] == name), None) if run else None
        previous = flag(query, "previous")
        path = self._path(pod, name, container, previous=previous)
        if path is None or not path.exists():
            if previous:
                where = f'"{name}" in pod "{pod_name}"'
                raise bad_request(f"previous terminated container {where} not found")
            reason = (container.state.get("waiting") or {}).get("reason", "") if container else ""
            raise bad_request(
                f'container "{name}" in pod "{pod_name}" is waiting to start: {reason or "ContainerCreating"}'
            )
        data = path.read_bytes()
        end = len(data)
        if "tailLines" in query:
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[max(0, len(lines) - (number(query, "tailLines") or 0)) :])
        if limit := number(query, "limitBytes"):
            data = data[:limit]
        if not flag(query, "follow") or previous:
            return web.Response(body=data, content_type="text/plain")
        return await self._follow(request, path, data, end, container)

    def _path(self, pod: Document, name: str, container: Container | None, *, previous: bool) -> Path | None:
        if container is not None:
            if not previous and not container.log().exists() and container.restarts:
                return container.log(previous=True)  # it waits for its next run: the log is that of the last
            return container.log(previous=previous)
        statuses = pod["status"].get("containerStatuses") or ()
        found = next((each for each in statuses if each["name"] == name), None)
        if found is None:
            return None
        return self._home / "pods" / parts.uid_of(pod) / name / f"{found['restartCount'] - previous}.log"

    async def _follow(
        self, request: web.Request, path: Path, data: bytes, end: int, container: Container | None
    ) -> web.StreamResponse:
        """Until this run has ended."""
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(data)
        run = container.run if container else None
        with path.open("rb") as file:
            file.seek(end)
            while True:
                alive = run is not None and run.process.returncode is None
                if more := file.read():
                    await response.write(more)
                elif not alive:
                    break
                else:
                    await asyncio.sleep(POLL_SECONDS)
        await response.write_eof()
        return response
