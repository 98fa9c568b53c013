"""Our mirrors to three stores at once, in a process of its own, or what they are held against.

Takes {"what": a key of WORK, "configs": cloud → the adapter's fields, "source", "manifest", "prefix"} and prints the
seconds of all, of each and of connecting, and the resident memory before and at most, in bytes.
"""

import hashlib
import json
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import obstore

from intermodal.platform.protocol.manifest import MANIFEST, Manifest
from intermodal.resources.aws.object_store import S3ObjectStore
from intermodal.resources.azure.object_store import BlobObjectStore
from intermodal.resources.gcp.object_store import GcsObjectStore
from intermodal.resources.storage.mirror import Mirror, Read
from tests.conformance.mirror_child import peak_bytes

ADAPTERS = {"aws": S3ObjectStore, "gcp": GcsObjectStore, "azure": BlobObjectStore}
SAMPLE = 100
"""So many objects are read back from what a tool left in a store; the sizes of all are looked at."""


def _mirror(store: Any, source: Path, manifest: Manifest, prefix: str) -> None:
    store.mirror(source, manifest, prefix)


def _copy(store: Any, source: Path, manifest: Manifest, prefix: str) -> None:
    """The same code, less the reading back."""

    class Copy(Mirror):
        def _read(self, path: str) -> Read:
            return Read(manifest.files[path].sha256, "")

    Copy(store._store, prefix, "").run(source, manifest)


def _list(store: Any, _source: Path, _manifest: Manifest, prefix: str) -> None:
    """What no tool can do without that looks at a store, and nothing else."""
    obstore.list(store._store, prefix).collect()


def _check(store: Any, _source: Path, manifest: Manifest, prefix: str) -> None:
    """SystemExit unless the store holds what it should."""
    sizes = {path.removeprefix(f"{prefix}/"): size for path, size in store.list(prefix).items()}
    sizes.pop(MANIFEST, None)
    if sizes != {path: entry.size for path, entry in manifest.files.items()}:
        raise SystemExit(f"{store.site} holds other files than it should")
    for path in sorted(manifest.files)[:: max(1, len(manifest.files) // SAMPLE)]:
        digest = hashlib.sha256()
        for chunk in obstore.get(store._store, f"{prefix}/{path}").stream():
            digest.update(chunk)
        if digest.hexdigest() != manifest.files[path].sha256:
            raise SystemExit(f"{store.site} holds other bytes than it should in {path}")


WORK: dict[str, Callable[[Any, Path, Manifest, str], None]] = {
    "mirror": _mirror,
    "copy": _copy,
    "list": _list,
    "check": _check,
}


def main(order: dict[str, Any]) -> dict[str, Any]:
    source = Path(order["source"])
    manifest = Manifest.from_json(Path(order["manifest"]).read_bytes())
    started = time.perf_counter()
    stores = {cloud: ADAPTERS[cloud](**config) for cloud, config in order["configs"].items()}
    for store in stores.values():
        _ = store._store  # once a process: imports the clouds' libraries, finds the credentials
    connected = time.perf_counter()
    before, seconds = peak_bytes(), dict[str, float]()

    def timed(cloud: str) -> None:
        WORK[order["what"]](stores[cloud], source, manifest, order["prefix"])
        seconds[cloud] = time.perf_counter() - connected

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(timed, stores))
    ended = time.perf_counter()
    return {
        "all": ended - connected,
        "each": seconds,
        "connect": connected - started,
        "before": before,
        "peak": peak_bytes(),
    }


if __name__ == "__main__":
    logging.disable()
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
