"""docker-registry without a login in front, and its client, which all clouds share."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from intermodal.platform import catalogue
from intermodal.platform.catalogue import ImagesAdapter
from intermodal.platform.targets import Site
from intermodal.resources.images.address import Address
from intermodal.resources.images.login import Anonymous
from intermodal.resources.images.registry import OciRegistry
from intermodal.sandbox.images.process import Process
from intermodal.sandbox.proxy import new_session

VARIABLE = "TEST_PLAIN_REGISTRY"
NAME = "plain"


class PlainRegistry(OciRegistry):
    kind, kinds, extra = NAME, frozenset({NAME}), ""

    @classmethod
    def of(cls, site: Site) -> Self:
        return cls(site, Address.read(os.environ[VARIABLE], VARIABLE), Anonymous())


def images_adapter(name: str) -> type[ImagesAdapter]:
    return PlainRegistry if name == NAME else catalogue.images_adapter(name)


@contextmanager
def running(home: Path) -> Iterator[str]:
    """Its address."""
    found: list[str] = []
    ready, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with new_session() as session:
            process = Process(home, session)
            try:
                found.append(await process.url())
                ready.set()
                await stop.wait()
            finally:
                ready.set()
                await process.stop()

    work = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(work,), daemon=True)
    thread.start()
    ready.wait(60)
    if not found:
        thread.join(10)
        work.result()
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
