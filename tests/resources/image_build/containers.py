"""Start an unpacked image with a read-only root: by runc where it works here, else by chroot in mounts of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

CHROOT = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
root=$1 user=$2
shift 2
exec chroot --userspec="$user:$user" "$root" "$@"
"""
"""Every step replaces the process, so that it is the server that gets the signals."""
NAMESPACES = ("pid", "ipc", "uts", "mount")


def environment_of(config: dict[str, Any], **more: str) -> dict[str, str]:
    return {**dict(text.split("=", 1) for text in config["config"]["Env"]), **more}


class Chroot:
    name = "chroot"

    def command(self, root: Path, user: int, arguments: Sequence[str], environment: dict[str, str]) -> list[str]:  # noqa: ARG002
        return ["unshare", "-m", "sh", "-c", CHROOT, "sh", str(root), str(user), *arguments]


class Runc:
    name = "runc"

    def command(self, root: Path, user: int, arguments: Sequence[str], environment: dict[str, str]) -> list[str]:
        def mount(target: str, kind: str, *options: str) -> dict[str, Any]:
            return {"destination": target, "type": kind, "source": kind, "options": list(options)}

        bundle = root.with_name(f"{root.name}-bundle-{uuid4().hex[:8]}")
        bundle.mkdir()
        config = {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": user, "gid": user},
                "args": list(arguments),
                "env": [f"{name}={value}" for name, value in environment.items()],
                "cwd": "/",
                "noNewPrivileges": True,
            },
            "root": {"path": str(root), "readonly": True},
            "mounts": [
                mount("/proc", "proc"),
                mount("/dev", "tmpfs", "nosuid", "mode=755"),
                mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777"),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES]},
        }
        (bundle / "config.json").write_text(json.dumps(config))
        return ["runc", "run", "--bundle", str(bundle), f"test-{uuid4().hex[:12]}"]


Container = Chroot | Runc


def containers(root: Path, python: str) -> tuple[list[Container], str]:
    """The ways that work here, tried by starting Python, and why the others do not."""
    working, reasons = [], []
    for container in (Runc(), Chroot()):
        program = container.command(root, 65534, [python, "-c", ""], {})
        if shutil.which(program[0]) is None:
            reasons.append(f"{container.name}: no {program[0]}")
            continue
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        if done.returncode:
            reasons.append(f"{container.name}: {done.stderr.strip()[-200:]}")
        else:
            working.append(container)
    if reasons:
        sys.stderr.write(f"{'; '.join(reasons)}\n")
    return working, "; ".join(reasons)
