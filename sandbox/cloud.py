"""``python -m intermodal.sandbox.cloud aws``: run one cloud in the foreground."""

import asyncio
import importlib
import signal
import sys

from intermodal.platform.targets import parse_cloud
from intermodal.sandbox.front import serve
from intermodal.sandbox.settings import Settings


async def _run(name: str) -> None:
    cloud = parse_cloud(name)
    module = importlib.import_module(f"intermodal.sandbox.{cloud}.server")
    work = asyncio.ensure_future(serve(cloud, Settings.read(), module.Server))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
