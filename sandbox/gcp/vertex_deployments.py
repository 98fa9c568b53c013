"""Deployed models: the processes behind Vertex AI's endpoints, one for each deployed model whatever its replicas."""

import asyncio
import secrets
import shutil
import time
import uuid
from typing import Any

import aiohttp

from intermodal.sandbox.containers import Container, StartFailed, fresh_root, start
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.identity import PROJECT_NUMBER, base_url
from intermodal.sandbox.gcp.launch import remove_root
from intermodal.sandbox.gcp.services import etag, now
from intermodal.sandbox.gcp.vertex_documents import status
from intermodal.sandbox.gcp.vertex_metrics import VertexMetrics
from intermodal.sandbox.gcp.vertex_operations import VertexOperations

Json = dict[str, Any]
KIND = "vertex"
FOLDER = "vertex"
PERIOD, MISSES = 10, 4
"""https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements#health"""
PATIENCE = 120
LONGEST_BACKOFF = 5.0
GRACE_SECONDS = 0.5


class Deployments:
    """``live`` maps (endpoint's name, deployed model's id) to its container."""

    def __init__(self, context: Context, operations: VertexOperations, metrics: VertexMetrics) -> None:
        self._context, self._operations, self._metrics = context, operations, metrics
        self._endpoints, self._models = context.state.table("vertex_endpoints"), context.state.table("vertex_models")
        self.live = metrics.live

    def restore(self) -> None:
        """After an outage: start again what was deployed, and continue what was unfinished."""
        shutil.rmtree(self._context.home / FOLDER, ignore_errors=True)
        for name, record in self._endpoints.items():
            for deployed in record["endpoint"].get("deployedModels", []):
                deployed["status"] = status(0, "The replica starts.")
                self._context.spawn(self._run_again(name, deployed["id"]))
        for operation, kind, work in self._operations.unfinished():
            if kind == "DeployModel":
                self._context.spawn(self.deploy(operation, work["endpoint"], work["body"]))
            elif kind == "UndeployModel":
                self._context.spawn(self.undeploy(operation, work["endpoint"], work["body"]))
            else:
                self._operations.finish(operation, error="The service was interrupted.")

    async def deploy(self, operation: str, name: str, body: Json) -> None:
        deployed = {
            **body["deployedModel"],
            "id": body["deployedModel"].get("id") or str(secrets.randbelow(9 * 10**9) + 10**9),
            "createTime": now(),
            "modelVersionId": "1",
            "status": status(body["deployedModel"]["dedicatedResources"]["minReplicaCount"]),
        }
        try:
            container, reason = await self._launch(name, deployed), ""
        except StartFailed as error:
            container, reason = None, f"Model server exited unexpectedly. {error}"
        except Exception as error:  # noqa: BLE001 an operation must never run for ever without a reason
            container, reason = None, f"the sandbox failed: {error!r}"
        if container is None:
            self._operations.finish(operation, error=reason)
        else:
            endpoint = self._endpoints[name]["endpoint"]
            endpoint.setdefault("deployedModels", []).append(deployed)
            if split := body.get("trafficSplit"):
                endpoint["trafficSplit"] = {deployed["id"] if key == "0" else key: split[key] for key in split}
            endpoint |= {"updateTime": now(), "etag": etag()}
            self._switch(name, deployed["id"], container)
            self._operations.finish(operation, {"deployedModel": deployed})
        self._context.state.save()

    async def undeploy(self, operation: str, name: str, body: Json) -> None:
        endpoint, gone = self._endpoints[name]["endpoint"], body["deployedModelId"]
        others = [each for each in endpoint.get("deployedModels", []) if each["id"] != gone]
        split = body.get("trafficSplit") or endpoint.get("trafficSplit", {})
        kept = {key: share for key, share in split.items() if key != gone} if others else {}
        endpoint |= {"deployedModels": others, "trafficSplit": kept, "updateTime": now(), "etag": etag()}
        container = self.live.pop((name, gone), None)
        if container is not None:
            await asyncio.sleep(GRACE_SECONDS)  # requests that were under way
            await self._end(container)
        self._operations.finish(operation)
        self._context.state.save()

    async def stop(self) -> None:
        containers = list(self.live.values())
        self.live.clear()
        await asyncio.gather(*(container.stop(seconds=5) for container in containers))

    def find(self, name: str, deployed_id: str) -> Json | None:
        deployed = self._endpoints.get(name, {}).get("endpoint", {}).get("deployedModels", [])
        return next((each for each in deployed if each["id"] == deployed_id), None)

    async def _launch(self, name: str, deployed: Json) -> Container:
        """Start it and wait for its health route. Raises StartFailed with what Vertex AI would report."""
        if seconds := self._context.faults.slow_start_seconds:
            await asyncio.sleep(seconds)
        model = self._models[deployed["model"].partition("@")[0]]["model"]
        spec = model["containerSpec"]
        short = name.rsplit("/", 1)[1]
        root = fresh_root(self._context.home / FOLDER / f"{short}-{uuid.uuid4().hex[:8]}")
        base = base_url(self._context.settings)
        health = spec.get("healthRoute", f"/v1/endpoints/{short}/deployedModels/{deployed['id']}")
        given = {
            "AIP_HTTP_PORT": str((spec.get("ports") or [{}])[0].get("containerPort", 8080)),
            "AIP_HEALTH_ROUTE": health,
            "AIP_PREDICT_ROUTE": predict_route(spec, short, deployed["id"]),
            "AIP_STORAGE_URI": model["artifactUri"],
            "AIP_PROJECT_NUMBER": PROJECT_NUMBER,
            "AIP_ENDPOINT_ID": short,
            "AIP_DEPLOYED_MODEL_ID": deployed["id"],
            "AIP_MODE": "PREDICTION",
            "GCE_METADATA_HOST": base.removeprefix("http://"),
            "GOOGLE_BASE_URL": base,
        }
        env = {each["name"]: each["value"] for each in spec.get("env", [])} | given
        image, target = spec["imageUri"], self._context.target(KIND)
        return await start(image, root, env, health, self._context, target, PATIENCE)

    def _switch(self, name: str, deployed_id: str, container: Container) -> None:
        self.live[(name, deployed_id)] = container
        self._context.spawn(self._watch(name, deployed_id, container))

    async def _run_again(self, name: str, deployed_id: str) -> None:
        """Start what was deployed, until it works or is no longer wanted. Requests get 503 meanwhile."""
        pause = 0.2
        while (deployed := self.find(name, deployed_id)) is not None:
            began = time.monotonic()
            try:
                container = await self._launch(name, deployed)
            except (StartFailed, aiohttp.ClientError) as error:
                deployed["status"] = status(0, str(error))
                await asyncio.sleep(max(0.0, pause - (time.monotonic() - began)))
                pause = min(pause * 2, LONGEST_BACKOFF)
                continue
            deployed = self.find(name, deployed_id)
            if deployed is None:
                await self._end(container)
                return
            deployed["status"] = status(deployed["dedicatedResources"]["minReplicaCount"])
            self._context.state.save()
            self._switch(name, deployed_id, container)
            return

    async def _watch(self, name: str, deployed_id: str, container: Container) -> None:
        """A container that ends, or fails four health checks, is replaced."""
        key, misses = (name, deployed_id), 0
        while self.live.get(key) is container and container.alive and misses < MISSES:
            try:
                await asyncio.wait_for(container.process.wait(), PERIOD)
            except TimeoutError:
                misses = 0 if await self._lives(container.url + "/v2/health/live") else misses + 1
        if self.live.get(key) is container:
            del self.live[key]
            if (deployed := self.find(name, deployed_id)) is not None:
                deployed["status"] = status(0, "The container ended.")
            await container.stop(seconds=1)
            remove_root(container)
            await self._run_again(name, deployed_id)

    async def _lives(self, url: str) -> bool:
        try:
            async with self._context.session.get(url, timeout=aiohttp.ClientTimeout(total=PERIOD)) as answer:
                return answer.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _end(self, container: Container) -> None:
        await container.stop()
        remove_root(container)


def predict_route(spec: Json, endpoint: str, deployed_id: str) -> str:
    return str(spec.get("predictRoute", f"/v1/endpoints/{endpoint}/deployedModels/{deployed_id}:predict"))
