"""Documents of what runs: a small HTTP server that tells which Pod it is, and containers that end."""

import sys
from typing import Any

from tests.sandbox.kubernetes.controllers.conftest import SERVER

WHO = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.environ['NAME']} {os.environ['RELEASE']}".encode()
        self.send_response(200 if self.path != '/broken' else 500)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
print('listening', flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer((os.environ['POD_IP'], 8080), Handler).serve_forever()
"""


def variable(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def container(release: str = "1", probe: str = "/", **more: Any) -> dict[str, Any]:
    return {
        "name": "server", "image": SERVER, "command": [sys.executable, "-c", WHO],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [variable("POD_IP", "status.podIP"), variable("NAME", "metadata.name"),
                {"name": "RELEASE", "value": release}],
        "readinessProbe": {"httpGet": {"path": probe, "port": "http"}, "periodSeconds": 1},
    } | more  # fmt: skip


def deployment(name: str = "web", spec: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """``changes`` are the container's."""
    labels = {"app": name}
    pod = {"containers": [container(**changes)], "terminationGracePeriodSeconds": 5}
    base = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    metadata = {"name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": base | (spec or {})}


def service(name: str = "web", port: int = 8000) -> dict[str, Any]:
    ports = [{"name": "http", "port": port, "targetPort": "http"}]
    spec = {"type": "LoadBalancer", "selector": {"app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def script(text: str, *, name: str = "once", policy: str = "Always", **more: Any) -> dict[str, Any]:
    """A Pod that runs a line of Python."""
    main = {"name": "main", "image": SERVER, "command": [sys.executable, "-c", text]} | more
    spec = {"containers": [main], "restartPolicy": policy, "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
