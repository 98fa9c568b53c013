"""Where Prometheus finds the servers behind the sandbox's endpoints: a file for each, as service discovery writes.

https://prometheus.io/docs/guides/file-sd/
"""

import json
import os
from functools import cache
from pathlib import Path

from intermodal.platform.targets import Target

FOLDER = "scrape"


def announce(root: Path, port: int, target: Target) -> Path:
    """List the server with this root folder (``<home>/sandbox/<site>/<any>/<name>``); the file in which it is listed.

    The first call of a process removes what an earlier process of the same site left when it was killed.
    """
    folder = root.parent.parent / FOLDER
    _emptied(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{root.name}-{port}.json"
    fresh = path.with_suffix(".new")
    labels = {"target": str(target), "cloud": target.cloud}
    fresh.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": labels}]), encoding="utf-8")
    os.replace(fresh, path)
    return path


@cache
def _emptied(folder: Path) -> None:
    for left in folder.glob("*.json"):
        left.unlink(missing_ok=True)
