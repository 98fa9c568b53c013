"""Mirror a folder in a process of its own, so that a test can kill it or measure its memory.

Takes {"adapter": "module:Class", "config": {...}, "source": ..., "prefix": ...} as its argument; prints the report and
the highest resident memory in bytes, all as JSON.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from intermodal.platform.protocol.manifest import Manifest


def peak_bytes() -> int:
    """VmHWM of this process; getrusage would count the parent's memory from before exec as well."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM")
    return int(found[1]) * 1024


def main(order: dict[str, Any]) -> dict[str, Any]:
    module, _, name = order["adapter"].partition(":")
    store = getattr(importlib.import_module(module), name)(**order["config"])
    source = Path(order["source"])
    manifest = Manifest.of(source)
    before = peak_bytes()
    report = store.mirror(source, manifest, order["prefix"])
    return {**vars(report), "peak_before": before, "peak": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
