"""Why Envoy refuses a configuration. Its admin interface has no reason for clusters (1.40), so the binary checks
them."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from msgspec import Raw, json

from intermodal.resources.envoy.control.admin import Kind

NODE = {"id": "validate", "cluster": "intermodal"}


def binary() -> str | None:
    """The Envoy beside this Python, or on the PATH; None when there is none (it may well run elsewhere)."""
    beside = Path(sys.executable).parent / "envoy"
    return str(beside) if beside.is_file() else shutil.which("envoy")


def reason(kind: Kind, resources: list[Raw]) -> str:
    """Envoy's own words, or an empty text when they cannot be had."""
    envoy = binary()
    if kind != "clusters" or envoy is None:
        return ""
    clusters = [{key: value for key, value in json.decode(cluster).items() if key != "@type"} for cluster in resources]
    with tempfile.TemporaryDirectory(prefix="im-") as folder:
        path = Path(folder) / "validate.json"
        path.write_bytes(json.encode({"node": NODE, "static_resources": {"clusters": clusters}}))
        command = [envoy, "--mode", "validate", "-c", str(path), "-l", "critical", "--log-format", "%v"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if done.returncode == 0 or not lines:
        return ""
    message = lines[-1].rpartition(path.name)[2].lstrip("': ")
    return f"Envoy says: {message}."
