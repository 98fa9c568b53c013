"""``python -m tests.bench.mirrors.gcs PORT FOLDER``: fake-gcs-server behind what reads XML uploads."""

import asyncio
import signal
import sys
import threading
from pathlib import Path

from tests.emulators import _serve_gcs


async def main(port: int, folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await _serve_gcs(folder, port, threading.Event(), stop)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
