"""The processes behind the endpoints: started, watched, replaced and stopped as SageMaker would."""

import asyncio
import logging
import shutil
from dataclasses import dataclass, field

from intermodal.sandbox import containers
from intermodal.sandbox.aws.download import Downloads
from intermodal.sandbox.aws.identity import role
from intermodal.sandbox.aws.records import CONFIG, ENDPOINT, MODEL, Document, Records
from intermodal.sandbox.containers import Container, StartFailed
from intermodal.sandbox.front import Context

KIND = "sagemaker"
START_SECONDS = 480
"""How long a container may take to answer /ping: 8 minutes (CONTRACTS)."""
_log = logging.getLogger(__name__)


@dataclass
class Live:
    """What serves an endpoint now; requests go round the instances that are alive."""

    variant: str
    instances: list[Container] = field(default_factory=list)
    turn: int = 0

    def next(self) -> Container | None:
        alive = [instance for instance in self.instances if instance.alive]
        self.turn += 1
        return alive[self.turn % len(alive)] if alive else None


class Fleet:
    """``live`` has an entry for each endpoint that serves."""

    def __init__(self, context: Context, records: Records, downloads: Downloads) -> None:
        self.context, self.records, self.downloads = context, records, downloads
        self.live: dict[str, Live] = {}
        self.folder = context.home / "endpoints"

    def launch(self, name: str) -> None:
        """Bring the endpoint to its configuration in the background. Its state has the outcome."""
        self.context.spawn(self._bring_up(name))

    def remove(self, name: str) -> None:
        self.context.spawn(self._take_down(name))

    def resume(self) -> None:
        """After an outage: start again everything that the records remember."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, record in list(self.records.all(ENDPOINT).items()):
            if record["EndpointStatus"] == "Deleting":
                self.remove(name)
            elif record["EndpointStatus"] != "Failed":
                self.records.change(name, EndpointStatus="Creating")
                self.launch(name)

    async def stop(self) -> None:
        tasks = list(self.context.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(instance.stop() for live in self.live.values() for instance in live.instances))

    async def _bring_up(self, name: str) -> None:
        record = self.records.get(ENDPOINT, name)
        if name not in self.live:
            try:
                await self._switch(name, record["EndpointConfigName"])
            except StartFailed as error:
                self.records.change(name, EndpointStatus="Failed", FailureReason=str(error)[:1024])
                return
        pending = record.get("Pending")
        if pending is None:
            await self._rescale(name, record)
            return
        try:
            await self._switch(name, pending)
        except StartFailed as error:
            reason = str(error)[:1024]
            self.records.change(name, EndpointStatus="InService", FailureReason=reason, Pending=None)
        else:
            self.records.change(name, EndpointStatus="InService", EndpointConfigName=pending, Pending=None)

    async def _rescale(self, name: str, record: Document) -> None:
        """To the number that was desired since the configuration was made. InService with the old number on failure."""
        live, config = self.live[name], record["EndpointConfigName"]
        count = record.get("Desired", {}).get("DesiredInstanceCount", len(live.instances))
        try:
            for number in range(len(live.instances), count):
                variant, model = self._contents(config)
                live.instances += [await self._instance(f"{config}-{number}-of-{name}", variant, model)]
                self.context.spawn(self._watch(name, live, number, variant, model))
        except StartFailed as error:
            members = {"FailureReason": str(error)[:1024], "Desired": None}
            self.records.change(name, EndpointStatus="InService", **members)
            return
        surplus = Live(live.variant, live.instances[count:])
        del live.instances[count:]
        await self._end(surplus)
        self.records.change(name, EndpointStatus="InService")

    def _contents(self, config: str) -> tuple[Document, Document]:
        """The variant and the model of a configuration; StartFailed when one was deleted."""
        try:
            variant: Document = self.records.get(CONFIG, config)["ProductionVariants"][0]
            return variant, self.records.get(MODEL, variant["ModelName"])
        except Exception as error:
            raise StartFailed(str(error)) from error

    async def _switch(self, name: str, config: str) -> None:
        """New instances first, then the traffic, then the old ones end."""
        variant, model = self._contents(config)
        fresh = Live(variant["VariantName"])
        try:
            for number in range(variant["InitialInstanceCount"]):
                fresh.instances += [await self._instance(f"{config}-{number}-of-{name}", variant, model)]
        except BaseException:
            await self._end(fresh)
            raise
        old, self.live[name] = self.live.get(name), fresh
        for number in range(len(fresh.instances)):
            self.context.spawn(self._watch(name, fresh, number, variant, model))
        if old is not None:
            await self._end(old)

    async def _instance(self, root_name: str, variant: Document, model: Document, *, again: bool = False) -> Container:
        container, root = model["PrimaryContainer"], self.folder / root_name
        await containers.pull(container["Image"], self.context)
        if not again:
            await asyncio.sleep(self.context.faults.slow_start_seconds)
            containers.fresh_root(root)
            source = container.get("ModelDataSource", {}).get("S3DataSource")
            if source:
                await self.downloads.fetch(source["S3Uri"], root / "opt/ml/model")
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", START_SECONDS)
        environment = {**container.get("Environment", {}), **role(self.context.settings, self.context.site)}
        try:
            return await containers.start(
                container["Image"],
                root,
                environment,
                "/ping",
                self.context,
                self.context.target(KIND),
                seconds,
            )
        except StartFailed as error:
            raise StartFailed(
                f"The primary container for production variant {variant['VariantName']} did not pass the ping health "
                f"check. Please check CloudWatch logs for this endpoint. {error}"
            ) from error

    async def _watch(self, name: str, live: Live, number: int, variant: Document, model: Document) -> None:
        """A container that exits is started again on the same files."""
        while self.live.get(name) is live:
            container = live.instances[number]
            await container.process.wait()
            if self.live.get(name) is not live or container not in live.instances:
                return
            _log.warning("a container of %s exited: %s", name, container.reason())
            try:
                live.instances[number] = await self._instance(container.log.stem, variant, model, again=True)
            except StartFailed as error:
                del self.live[name]
                await self._end(live)
                self.records.change(name, EndpointStatus="Failed", FailureReason=str(error)[:1024])
                return

    async def _take_down(self, name: str) -> None:
        if live := self.live.pop(name, None):
            await self._end(live)
        self.records.delete(ENDPOINT, name)

    async def _end(self, live: Live) -> None:
        await asyncio.gather(*(instance.stop() for instance in live.instances))
        for instance in live.instances:
            shutil.rmtree(instance.log.with_suffix(""), ignore_errors=True)
