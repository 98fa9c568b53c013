"""``python -m intermodal.sandbox.cloud aws@eu-west-1``: run one site in the foreground."""

import asyncio
import importlib
import signal
import sys

from intermodal.platform.targets import parse_site
from intermodal.sandbox.front import serve
from intermodal.sandbox.settings import Settings


async def _run(name: str) -> None:
    site = parse_site(name)
    module = importlib.import_module(f"intermodal.sandbox.{site.cloud}.server")
    work = asyncio.ensure_future(serve(site, Settings.read(), module.Server))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1]))
