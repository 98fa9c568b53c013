"""The kubeconfig of a cluster of the sandbox."""

import base64
import json
from pathlib import Path

from intermodal.sandbox.azure.certificates import write_private


def write_kubeconfig(path: Path, name: str, address: str, authority: bytes, token: str) -> None:
    """As JSON, which is YAML: kubectl and every client read it."""
    data = base64.b64encode(authority).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": address, "certificate-authority-data": data}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "current-context": name,
    }
    write_private(path, json.dumps(document, indent=1).encode())
