"""One container of a revision: its volumes mounted, its environment and probe as the template says."""

import asyncio
import shutil
import uuid
from typing import Any

from intermodal.sandbox.containers import Container, fresh_root, start
from intermodal.sandbox.front import Context
from intermodal.sandbox.gcp.identity import base_url
from intermodal.sandbox.gcp.storage import Storage

KIND = "cloud-run"
FOLDER = "containers"
DEFAULT_PORT = 8080
DEFAULT_PERIOD, DEFAULT_THRESHOLD = 10, 3


async def launch(context: Context, storage: Storage, revision: str, template: dict[str, Any]) -> Container:
    """Start it and wait for its startup probe. Raises StartFailed with what Cloud Run would report."""
    if seconds := context.faults.slow_start_seconds:
        await asyncio.sleep(seconds)
    spec, short = template["containers"][0], revision.rsplit("/", 1)[1]
    root = fresh_root(context.home / FOLDER / f"{short}-{uuid.uuid4().hex[:8]}")
    volumes = {volume["name"]: volume["gcs"] for volume in template.get("volumes", [])}
    for mount in spec.get("volumeMounts", []):
        gcs = volumes[mount["name"]]
        options = dict(option.partition("=")[::2] for option in gcs.get("mountOptions", []))
        await storage.fetch(gcs["bucket"], options.get("only-dir", ""), root / mount["mountPath"].lstrip("/"))
    wanted = {variable["name"]: variable.get("value", "") for variable in spec.get("env", [])}
    service, port = revision.split("/")[-3], (spec.get("ports") or [{}])[0].get("containerPort", DEFAULT_PORT)
    given = {"PORT": str(port), "K_SERVICE": service, "K_CONFIGURATION": service, "K_REVISION": short}
    base = base_url(context.settings)
    given |= {"GCE_METADATA_HOST": base.removeprefix("http://"), "GOOGLE_BASE_URL": base}
    probe = spec.get("startupProbe", {})
    patience = probe.get("periodSeconds", DEFAULT_PERIOD) * probe.get("failureThreshold", DEFAULT_THRESHOLD)
    path = probe.get("httpGet", {}).get("path", "/")
    return await start(spec["image"], root, wanted | given, path, context, context.target(KIND), patience)


def remove_root(container: Container) -> None:
    """A revision may run again while its earlier instance ends: each launch has a folder of its own."""
    shutil.rmtree(container.log.with_suffix(""), ignore_errors=True)
