"""Our mirrors to three stores at once, in a process of its own; or bare puts, which are the stores' own limit.

Takes {"what": "mirror" or "put", "configs": cloud → the adapter's fields, "source", "manifest", "prefix"} and prints
seconds of all and of each, and the resident memory before and at most, in bytes.
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore

from intermodal.platform.mirroring import Manifest
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.gcp.object_store import GcsObjectStore
from tests.conformance.mirror_child import peak_bytes

ADAPTERS = {"aws": S3ObjectStore, "gcp": GcsObjectStore, "azure": BlobObjectStore}


def main(order: dict[str, Any]) -> dict[str, Any]:
    source = Path(order["source"])
    manifest = Manifest.from_json(Path(order["manifest"]).read_bytes())
    stores = {cloud: ADAPTERS[cloud](**config) for cloud, config in order["configs"].items()}
    work: Callable[[str], object]
    if order["what"] == "mirror":

        def work(cloud: str) -> object:
            return stores[cloud].mirror(source, manifest, order["prefix"])
    else:

        def work(cloud: str) -> object:
            return _puts(stores[cloud].connect(), source, manifest, order["prefix"])

    before = peak_bytes()
    started, seconds = time.perf_counter(), dict[str, float]()

    def timed(cloud: str) -> None:
        work(cloud)
        seconds[cloud] = time.perf_counter() - started

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(timed, stores))
    return {"all": time.perf_counter() - started, "each": seconds, "before": before, "peak": peak_bytes()}


def _puts(store: Any, source: Path, manifest: Manifest, prefix: str) -> None:
    def put(path: str) -> None:
        obstore.put(store, f"{prefix}/{path}", source / path)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, manifest.files))


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
