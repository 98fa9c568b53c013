"""The command of a container: its image's tree, or the packaged server of this checkout, bound to the Pod's address.

A Pod has no network namespace here. The image's server gets ``--host`` with the Pod's address; a container with a
command or arguments of its own reads its address from a variable (``fieldRef: status.podIP``).
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from intermodal.sandbox import containers
from intermodal.sandbox.kubernetes.controllers.environment import ConfigError, entries, expanded, variables
from intermodal.sandbox.kubernetes.controllers.options import Options
from intermodal.sandbox.kubernetes.objects import Objects
from intermodal.sandbox.kubernetes.store import Document

IMAGE_FOLDER = "images"


@dataclass(frozen=True)
class Launch:
    command: list[str]
    environ: dict[str, str]
    folder: Path


async def launch(
    objects: Objects, options: Options, home: Path, pod: Document, container: Document, address: str, folder: Path
) -> Launch:
    """``folder`` is for the container's files. StartFailed when the image is missing, ConfigError for the rest."""
    image = container["image"]
    if pod["spec"].get("initContainers"):
        raise ConfigError("the sandbox emulates no initContainers")
    pulled = None
    if "@sha256:" in image:
        if not options.registry:
            raise containers.StartFailed(f"CannotPullContainer: {image}: this cluster has no registry")
        pulled = await containers.fetch(options.registry, image, home / IMAGE_FOLDER, options.environ)
    else:
        containers.check_image(image)
    own = variables(objects, pod, container, address)
    root = folder / "root"
    root.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(_mount, objects, pod, container, root)
    command = [expanded(part, own) for part in container.get("command") or ()]
    given = [expanded(part, own) for part in container.get("args") or ()]
    arguments = given or ["serve", "--host", address]
    if pulled is not None:
        line = pulled.command(root, command + given if command else arguments, entrypoint=not command)
        return Launch(line, dict(pulled.environment) | own, root)
    passed = {name: os.environ[name] for name in containers.PASSED_ON if name in os.environ}
    if command:
        return Launch(command + given, passed | own, root)
    server = [sys.executable, "-P", "-m", "intermodal.serving", *arguments, "--root", str(root)]
    packages = await asyncio.to_thread(containers.packages_option, own, root)
    return Launch([*server, *packages], passed | own, root)


def _mount(objects: Objects, pod: Document, container: Document, root: Path) -> None:
    """Files of volumes, as copies below the root. An image has a writable /tmp only."""
    volumes = {each["name"]: each for each in pod["spec"].get("volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        volume = volumes.get(mount["name"])
        if volume is None:
            raise ConfigError(f'volume "{mount["name"]}" not found')
        target = root / mount["mountPath"].lstrip("/")
        target.mkdir(parents=True, exist_ok=True)
        if "emptyDir" in volume:
            continue
        if path := (volume.get("hostPath") or {}).get("path"):
            if not Path(path).is_dir():
                raise ConfigError(f"hostPath type check failed: {path} is not a directory")
            shutil.copytree(path, target, dirs_exist_ok=True)
            continue
        kind = next((name for name in ("configMap", "secret") if name in volume), "")
        if not kind:
            raise ConfigError(f'the sandbox emulates no volume like "{mount["name"]}"')
        data = entries(objects, kind, pod["metadata"]["namespace"], volume[kind])
        wanted = volume[kind].get("items") or [{"key": key, "path": key} for key in data]
        for item in wanted:
            (target / item["path"]).parent.mkdir(parents=True, exist_ok=True)
            (target / item["path"]).write_bytes(data[item["key"]])
