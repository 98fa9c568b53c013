"""The two that stand before the same upstreams in the gateway's bench: ours, as it is installed, and haproxy."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from intermodal.platform.ports.endpoints import Upstream
from intermodal.platform.ports.gateway import Route
from intermodal.platform.targets import Target
from intermodal.resources.envoy.gateway import EnvoyGateway, write_bootstrap
from intermodal.sandbox.settings import free_port

GOLDEN = '{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}]}'
HAPROXY = """
global
  nbthread 1
  maxconn 8000
  stats socket {stats} mode 600
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 800ms
  timeout check 2s
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response response-timeout junk-response 408 500 502 503 504
frontend entrance
  bind 127.0.0.1:{port}
  default_backend upstreams
backend upstreams
  balance roundrobin
  option http-buffer-request
  option httpchk
  http-check send meth POST uri /infer ver HTTP/1.1 hdr host check hdr content-type application/json body '{golden}'
  http-check expect status 200
  http-reuse always
  default-server check inter 1s fastinter 100ms downinter 1s fall 2 rise 1
  default-server observe layer7 error-limit 3 on-error mark-down
{servers}
"""
"""As near to our settings as it can: the same try timeout, tries and errors to an ejection, one thread. It checks ten
times as often, and cannot try a 429 again (``retry-on`` of 2.6 does not know it)."""


@dataclass(frozen=True)
class Proxy:
    """``healthy``: whether the proxy sends to each upstream now, by its own statistics."""

    name: str
    url: str
    healthy: Callable[[], Mapping[Target, bool]]


def haproxy_program() -> str:
    """Where haproxy is, installed when it can be; "" when not."""
    if shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/bin") is None:
        subprocess.run(["apt-get", "install", "-y", "-qq", "haproxy"], check=False, capture_output=True)
    return shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/bin") or ""


def haproxy_version() -> str:
    program = haproxy_program()
    if not program:
        return "none"
    return subprocess.run([program, "-v"], check=True, capture_output=True, text=True).stdout.split()[2]


@contextmanager
def envoy(folder: Path, ports: Mapping[Target, int]) -> Iterator[Proxy]:
    """Ours with the defaults of ``EnvoyGateway``."""
    listen, admin = free_port(), free_port()
    start = write_bootstrap(folder / "gateway", listen, admin)
    program = Path(sys.executable).parent / "envoy"
    options = ["--disable-hot-restart", "--concurrency", "1", "-l", "error"]
    with running([str(program), "-c", str(start), *options]):
        gateway = EnvoyGateway(
            directory=str(folder / "gateway"), url=f"http://127.0.0.1:{listen}", admin_url=f"http://127.0.0.1:{admin}"
        )
        until(lambda: _answers(f"{gateway.url}/v2/health/live"))
        upstreams = [Upstream(target, "1.0.0", f"http://127.0.0.1:{port}/infer") for target, port in ports.items()]
        gateway.publish(Route("m", "1.0.0", dict.fromkeys(ports, 1), {}, GOLDEN), upstreams)
        yield Proxy("gateway", f"{gateway.url}/v2/models/m/infer", lambda: gateway.upstream_health("m"))


@contextmanager
def haproxy(folder: Path, ports: Mapping[Target, int]) -> Iterator[Proxy]:
    listen, stats, file = free_port(), folder / "stats", folder / "haproxy.cfg"
    servers = "\n".join(f"  server {target.dotted} 127.0.0.1:{port}" for target, port in ports.items())
    file.write_text(HAPROXY.format(stats=stats, port=listen, golden=GOLDEN, servers=servers))

    def healthy() -> Mapping[Target, bool]:
        with socket.socket(socket.AF_UNIX) as statistics:
            statistics.connect(str(stats))
            statistics.sendall(b"show stat\n")
            text = b"".join(iter(lambda: statistics.recv(65536), b"")).decode()
        rows = [line.split(",") for line in text.splitlines() if line.startswith("upstreams,")]
        return {target: any(row[1] == target.dotted and row[17].startswith("UP") for row in rows) for target in ports}

    with running([haproxy_program(), "-db", "-f", str(file)]):
        until(lambda: stats.exists() and all(healthy().values()))
        yield Proxy("haproxy", f"http://127.0.0.1:{listen}/infer", healthy)


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come true in time")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False
